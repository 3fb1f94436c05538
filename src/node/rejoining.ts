/** Joins the storage network anew while nobody is connected: who is begun with may have been away. */

/** Milliseconds between two attempts. */
const EVERY_MS = 15_000;

export interface RejoiningOptions {
  /** Whether no peer is connected. */
  alone(): boolean;
  /** Dials whom there is to begin with. */
  begin(): Promise<unknown>;
  /** Milliseconds of a clock that nobody sets. */
  elapsed(): number;
}

export class Rejoining {
  private due: number;

  /** Right after the first attempt. */
  constructor(private readonly options: RejoiningOptions) {
    this.due = options.elapsed() + EVERY_MS;
  }

  /** To be called whenever the chain goes on: then there is a network. */
  look(): void {
    const { alone, begin, elapsed } = this.options;
    const now = elapsed();
    if (now < this.due || !alone()) return;
    this.due = now + EVERY_MS;
    // It is tried again.
    begin().catch(() => undefined);
  }
}
