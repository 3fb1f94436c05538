/** Lets one at a time work, in the order in which they asked. */
export class Turns {
  private taken = false;
  private readonly waiting: (() => void)[] = [];

  /** Resolves when it is the caller's turn, with what passes it on. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.taken) await this.inLine(signal);
    this.taken = true;
    let passed = false;
    return () => {
      if (passed) return;
      passed = true;
      const next = this.waiting.shift();
      if (next === undefined) this.taken = false;
      else next();
    };
  }

  private inLine(signal: AbortSignal): Promise<void> {
    return new Promise((granted, refused) => {
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(grant), 1);
        refused(signal.reason);
      };
      const grant = (): void => {
        signal.removeEventListener('abort', leave);
        granted();
      };
      this.waiting.push(grant);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
