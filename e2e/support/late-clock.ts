/** The own time of a network that hurries: it goes by slots and begins late, so that no block comes from the future. */
export class LateClock {
  private readonly began: number;
  private slots = 0;

  constructor(
    lateMs: number,
    private readonly slotDurationMs: number,
  ) {
    this.began = Date.now() - lateMs;
  }

  /** Milliseconds since the epoch, as the network has it. */
  readonly now = (): number => this.began + this.slots * this.slotDurationMs;

  /** A slot has passed. */
  readonly tick = (): void => void (this.slots += 1);
}
