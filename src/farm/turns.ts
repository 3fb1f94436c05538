import { onAbort } from '../async/on-abort.ts';

/** Lets one at a time work, or a few, in the order in which they asked. */
export class Turns {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly atOnce: () => number = () => 1) {}

  /** Resolves when it is the caller's turn, with what passes it on. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.taken < this.atOnce()) this.taken += 1;
    else await this.inLine(signal);
    let passed = false;
    return () => {
      if (passed) return;
      passed = true;
      this.taken -= 1;
      while (this.waiting.length > 0 && this.taken < this.atOnce()) {
        this.taken += 1;
        this.waiting.shift()!();
      }
    };
  }

  private inLine(signal: AbortSignal): Promise<void> {
    return new Promise((granted, refused) => {
      const grant = (): void => {
        leave();
        granted();
      };
      this.waiting.push(grant);
      const leave = onAbort(signal, () => {
        this.waiting.splice(this.waiting.indexOf(grant), 1);
        refused(signal.reason);
      });
    });
  }
}
