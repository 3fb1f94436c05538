/** Lets one waiter through whenever it is opened; opened while nobody waits, the next wait passes at once. */
export class Gate {
  private opened = false;
  private pass: (() => void) | null = null;

  open(): void {
    this.opened = true;
    this.pass?.();
  }

  /** Waits until it is opened, or `limitMs` have passed. */
  async wait(limitMs?: number): Promise<void> {
    if (!this.opened) {
      await new Promise<void>((resolve) => {
        const timer = limitMs === undefined ? null : setTimeout(resolve, limitMs);
        this.pass = () => {
          if (timer !== null) clearTimeout(timer);
          resolve();
        };
      });
    }
    this.pass = null;
    this.opened = false;
  }
}
