/** How fast something goes on that has a known end: by what was done in the last minute. */

/** What the pace is taken from, in milliseconds; less than `LEAST_MS` says nothing. */
const WINDOW_MS = 60_000;
const LEAST_MS = 3_000;
/** Apart so far, marks are few however fast it goes. */
const MARK_MS = 500;

export class Pace {
  private marks: { at: number; done: number }[] = [];
  private last = { at: 0, done: 0 };

  /** @param now Milliseconds, of a clock that never goes back. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Begins with nothing done. */
  begin(): void {
    this.marks = [];
    this.note(0);
  }

  /** Takes down how much is done by now. */
  note(done: number): void {
    const at = this.now();
    this.last = { at, done };
    if (at - (this.marks.at(-1)?.at ?? Number.NEGATIVE_INFINITY) < MARK_MS) return;
    this.marks.push({ at, done });
    while (this.marks.length > 2 && at - this.marks[1]!.at > WINDOW_MS) this.marks.shift();
  }

  /** Seconds that so much more takes at this pace; null while that cannot be said. */
  secondsFor(left: number): number | null {
    const [first] = this.marks;
    if (first === undefined) return null;
    // Time in which nothing came counts, too.
    const ms = Math.max(this.last.at, this.now()) - first.at;
    const done = this.last.done - first.done;
    return ms < LEAST_MS || done <= 0 ? null : Math.round((left * ms) / 1000 / done);
  }
}
