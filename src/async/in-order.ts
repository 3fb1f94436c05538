/** Runs work one after the other, in the order in which it is given; what fails keeps nothing else from running. */
export class InOrder {
  private tail: Promise<unknown> = Promise.resolve();

  /** What `work` gives once everything before it has ended, or what it rejects with. */
  run<T>(work: () => Promise<T> | T): Promise<T> {
    const result = this.tail.then(work);
    this.tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves once everything given so far has ended. */
  async settled(): Promise<void> {
    await this.tail;
  }
}
