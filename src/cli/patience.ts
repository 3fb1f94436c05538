/** An end for waits in which nothing happens any more. */

const LOOK_MS = 1_000;

/** Aborts `signal` with the given error once there was no news for so long; looks every second. */
export class Patience {
  private readonly ending = new AbortController();
  private readonly timer: ReturnType<typeof setInterval>;
  private heard = performance.now();
  private asides = 0;

  /** `look` is called every second, to tell the person what is waited for. */
  constructor(ms: number, error: () => Error, look: () => void) {
    this.timer = setInterval(() => {
      if (this.asides > 0) return;
      look();
      if (performance.now() - this.heard > ms) this.ending.abort(error());
    }, LOOK_MS);
  }

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** Something happened. */
  news(): void {
    this.heard = performance.now();
  }

  /** Time that `work` takes is somebody else's: the person's, or the reader's of what is printed. */
  async aside<T>(work: Promise<T>): Promise<T> {
    this.asides += 1;
    try {
      return await work;
    } finally {
      this.asides -= 1;
      this.news();
    }
  }

  close(): void {
    clearInterval(this.timer);
  }
}
