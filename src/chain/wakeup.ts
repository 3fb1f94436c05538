/** Lets loops sleep until something happened. */
export class Wakeup {
  private readonly sleepers = new Set<() => void>();
  private closed = false;

  /** Ends every wait. */
  wake(): void {
    const sleepers = [...this.sleepers];
    this.sleepers.clear();
    for (const wake of sleepers) wake();
  }

  /** Ends every wait, also those to come. */
  close(): void {
    this.closed = true;
    this.wake();
  }

  /** Waits for `wake`, at most `ms`; whether it was woken. */
  wait(ms: number): Promise<boolean> {
    if (this.closed) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (woken: boolean): void => {
        clearTimeout(timer);
        this.sleepers.delete(wake);
        resolve(woken);
      };
      const wake = (): void => end(true);
      const timer = setTimeout(() => end(false), ms);
      this.sleepers.add(wake);
    });
  }
}
