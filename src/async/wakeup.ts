/** Lets those who have nothing to do sleep until something happened. */
export class Wakeup {
  private readonly sleepers = new Set<() => void>();
  private closed = false;
  private count = 0;

  /** How often it was woken, for who looks for something to do before it sleeps. */
  get wakes(): number {
    return this.count;
  }

  /** Ends every wait. */
  wake(): void {
    this.count += 1;
    const sleepers = [...this.sleepers];
    this.sleepers.clear();
    for (const wake of sleepers) wake();
  }

  /** Ends every wait, also those to come. */
  close(): void {
    this.closed = true;
    this.wake();
  }

  /**
   * Waits for `wake`, at most `ms` milliseconds; null: for as long as it takes. Returns whether it was woken.
   *
   * @param since `wakes` when the search for something to do began: what happened meanwhile is not slept through.
   */
  wait(ms: number | null, since = this.count): Promise<boolean> {
    if (this.closed || since !== this.count) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (woken: boolean): void => {
        clearTimeout(timer);
        this.sleepers.delete(wake);
        resolve(woken);
      };
      const wake = (): void => end(true);
      const timer = ms === null ? undefined : setTimeout(() => end(false), ms);
      this.sleepers.add(wake);
    });
  }
}
