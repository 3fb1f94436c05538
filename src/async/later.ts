/** Runs what it is given once the task at hand is over, with all that follows it at once. */
type AfterTurn = (work: () => void) => void;

/** Sooner than a timer, which browsers make wait four milliseconds when one sets the next. */
const afterTurn: AfterTurn =
  typeof setImmediate === 'function' ? (work) => void setImmediate(work) : overChannel();

function overChannel(): AfterTurn {
  const { port1, port2 } = new MessageChannel();
  const planned: (() => void)[] = [];
  port1.onmessage = () => planned.shift()?.();
  return (work) => {
    planned.push(work);
    port2.postMessage(null);
  };
}

/** Work that is put off so that it is done once for all that ask for it meanwhile. */
export class Later {
  /** Ends what is planned; null: nothing is. */
  private drop: (() => void) | null = null;

  constructor(private readonly work: () => void) {}

  /** Has the work done in `ms` milliseconds; 0: once this turn is over. What is planned already stays as it is. */
  plan(ms: number): void {
    if (this.drop !== null) return;
    if (ms > 0) {
      const timer = setTimeout(() => this.run(), ms);
      this.drop = () => clearTimeout(timer);
      return;
    }
    let dropped = false;
    this.drop = () => (dropped = true);
    afterTurn(() => dropped || this.run());
  }

  /** Forgets what is planned. */
  cancel(): void {
    this.drop?.();
    this.drop = null;
  }

  private run(): void {
    this.drop = null;
    this.work();
  }
}
