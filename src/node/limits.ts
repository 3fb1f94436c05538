import { ALWAYS, coresUnder, reasonToWait, UNKNOWN_CONDITIONS } from './schedule.ts';
import type { Conditions, Schedule } from './schedule.ts';

/** How often the clock is looked at. */
const LOOK_MS = 20_000;

/** Keeps to what the person allows plotting: holds it, and says how many cores it may have. */
export class Limits {
  private schedule: Schedule = ALWAYS;
  private conditions: Conditions = UNKNOWN_CONDITIONS;
  private cores = 1;
  private applied = 0;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly act: { hold(reason: string | null): void; resize(cores: number): void },
    private readonly now: () => Date = () => new Date(),
  ) {}

  start(): void {
    this.timer ??= setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** `cores`: what the person allows. */
  choose(schedule: Schedule | undefined, cores: number): void {
    this.schedule = schedule ?? ALWAYS;
    this.cores = cores;
    this.applied = 0;
    this.look();
  }

  /** Takes note of what the machine is like; what is left out stays as it was. */
  report(conditions: Partial<Conditions>): void {
    this.conditions = { ...this.conditions, ...conditions };
    this.look();
  }

  private look(): void {
    this.act.hold(reasonToWait(this.schedule, this.conditions, this.now()));
    const cores = coresUnder(this.conditions.pressure, this.cores, this.schedule);
    if (cores === this.applied) return;
    this.applied = cores;
    this.act.resize(cores);
  }
}
