/** Notices for the person and lines of the log, kept short and written down as they come. */
import type { LogEntry, NodeStore } from '../storage/store.ts';
import type { FarmHistoryEntry, Notice, SlotOutcome } from './api.ts';

const NOTICES = 50;
/** Setting that holds the newest notices between runs. */
const KEPT = 'notices';
/** Milliseconds within which the farms of a device have said what befell it. */
const TOGETHER_MS = 10_000;

export class Journal {
  private nextId = 1;
  private kept: Notice[] = [];

  constructor(
    private readonly store: NodeStore,
    private readonly changed: () => void,
  ) {}

  /** Goes on with the notices of the last run. A store that fails must not keep the node from starting. */
  async resume(): Promise<void> {
    const earlier = await this.store.setting<Notice[]>(KEPT).catch(() => null);
    if (earlier === null || this.kept.length > 0) return;
    this.kept = earlier;
    this.nextId = 1 + Math.max(0, ...earlier.map(({ id }) => id));
  }

  /** Newest first, those of earlier runs among them. */
  get notices(): Notice[] {
    return this.kept;
  }

  /** Notes something for the person. What befell the device is noted once, though each of its farms says it. */
  notify(level: Notice['level'], category: Notice['category'], text: string): void {
    const at = Date.now();
    const isSame = (other: Notice) =>
      other.category === category && other.level === level && Math.abs(at - other.at) < TOGETHER_MS;
    if (category === 'device' && this.kept.some(isSame)) return;
    const notice = { id: this.nextId++, at, level, category, text };
    this.kept = [notice, ...this.kept].slice(0, NOTICES);
    this.store.putSetting(KEPT, this.kept).catch(() => undefined);
    this.log(level === 'success' ? 'info' : level, `${category}: ${text}`);
    this.changed();
  }

  /** A line for the log alone. A store that fails must not take the node down with it. */
  log(level: LogEntry['level'], text: string): void {
    this.store.addLog({ at: Date.now(), level, text }).catch(() => undefined);
  }

  /** Keeps what came of a slot beyond this run. */
  record(farm: string, outcome: SlotOutcome): void {
    const { at, outcome: kind, ...rest } = outcome;
    this.store.addHistory({ at, kind, detail: { farm, ...rest } }).catch(() => undefined);
  }

  /** What came of slots in this run and earlier ones, newest first. */
  async history(limit: number): Promise<FarmHistoryEntry[]> {
    const entries = await this.store.history(limit);
    return entries.map(({ at, kind, detail }) => ({ ...detail, at, outcome: kind }) as FarmHistoryEntry);
  }

  /** Log lines, oldest first. */
  async lines(): Promise<string[]> {
    const entries = await this.store.log();
    return entries.map(({ at, level, text }) => `${new Date(at).toISOString()} ${level} ${text}`);
  }
}
