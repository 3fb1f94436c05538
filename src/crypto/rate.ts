/** Busy time after which older work counts half in the rate. */
const RATE_WINDOW_MS = 10_000;

/** Iterations a second of busy time, where overlapping work counts once; older work fades. */
export class Rate {
  private iterations = 0;
  private busyMs = 0;
  private running = 0;
  private since = 0;

  /** Returns what ends the work begun. */
  begin(): () => void {
    this.settle();
    this.running += 1;
    return () => {
      this.settle();
      this.running -= 1;
    };
  }

  /** So many iterations were walked. */
  add(iterations: number): void {
    this.settle();
    this.iterations += iterations;
    if (this.busyMs < RATE_WINDOW_MS) return;
    this.iterations /= 2;
    this.busyMs /= 2;
  }

  /** Iterations a second of busy time; 0 before any. */
  perSecond(): number {
    return this.busyMs === 0 ? 0 : (1000 * this.iterations) / this.busyMs;
  }

  private settle(): void {
    const now = performance.now();
    if (this.running > 0) this.busyMs += now - this.since;
    this.since = now;
  }
}
