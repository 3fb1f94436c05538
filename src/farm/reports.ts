import { ProtocolError, sentenceOf } from '../protocol/errors.ts';
import { StorageError } from '../storage/errors.ts';
import { FarmError } from './errors.ts';
import type { FarmCause, FarmNotice, SlotOutcome } from './snapshot.ts';

/** What a farm does; its trouble is over when that succeeds again. */
export type FarmActivity = 'plot' | 'audit' | 'submit' | 'hold-place';

/** What a farm has to say: its present trouble, notices, and that its snapshot has changed. */
export class FarmReports {
  cause: FarmCause | null = null;
  private activity: FarmActivity | null = null;
  private readonly changeListeners = new Set<() => void>();
  private readonly noticeListeners = new Set<(notice: FarmNotice) => void>();
  private readonly outcomeListeners = new Set<(outcome: SlotOutcome) => void>();

  onChange(listener: () => void): void {
    this.changeListeners.add(listener);
  }

  onNotice(listener: (notice: FarmNotice) => void): void {
    this.noticeListeners.add(listener);
  }

  onOutcome(listener: (outcome: SlotOutcome) => void): void {
    this.outcomeListeners.add(listener);
  }

  /** It is decided what came of a slot. */
  decided(outcome: SlotOutcome): void {
    for (const listener of this.outcomeListeners) listener({ ...outcome });
  }

  changed(): void {
    for (const listener of this.changeListeners) listener();
  }

  notify(level: FarmNotice['level'], category: FarmNotice['category'], text: string): void {
    for (const listener of this.noticeListeners) listener({ level, category, text });
  }

  /** Shows what is wrong with an activity; a notice goes out when it is something else than before. */
  setCause(activity: FarmActivity, error: unknown): void {
    const code = codeOf(error);
    const cause = { code, sentence: sentenceOf(error), action: actionOf(error), since: Date.now() };
    if (this.cause?.code === code) {
      cause.since = this.cause.since;
    } else {
      const level = cause.action === null ? 'warning' : 'error';
      this.notify(level, error instanceof StorageError ? 'storage' : 'farm', cause.sentence);
    }
    this.cause = cause;
    this.activity = activity;
    this.changed();
  }

  /** The farm's place was reached, and may be written to. Returns whether that ended what was wrong. */
  placeReached(): boolean {
    if (this.cause?.code !== 'no-permission' && this.cause?.code !== 'place-lost') return false;
    this.cause = null;
    this.activity = null;
    this.changed();
    return true;
  }

  /** An activity succeeded: what was wrong with it is over. */
  succeeded(activity: FarmActivity): void {
    if (this.activity !== activity) return;
    this.cause = null;
    this.activity = null;
    this.changed();
  }
}

/** Code of a typed error: a word for ours, a number for JSON-RPC's. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unexpected';
}

function actionOf(error: unknown): string | null {
  if (error instanceof FarmError) return error.action;
  if (!(error instanceof StorageError)) return null;
  if (error.code === 'disk-full') return 'Free space or make the farm smaller';
  if (error.code === 'no-permission') return 'Allow access again';
  return error.code === 'place-lost' ? 'Connect the drive again' : null;
}

/** Whether an error shows that a sector's bytes are not what was written. */
export function isDamage(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === 'too-short' || error.code === 'not-found';
  if (error instanceof ProtocolError) return true;
  return (
    error instanceof FarmError && (error.code === 'sector-broken' || error.code === 'own-solution-invalid')
  );
}
