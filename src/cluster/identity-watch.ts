/** Notices when another member says that it is this one, as a copied folder does. */
export class IdentityWatch {
  private said = -Infinity;

  constructor(
    private readonly what: 'cache' | 'farm',
    private readonly say: (text: string) => void,
    /** Announces at once, so that the other one hears of it as well. */
    private readonly answer: () => void,
  ) {}

  /** Called when somebody else's announcement carries an identity of this member's. */
  seen(id: string): void {
    const now = performance.now();
    if (now - this.said < REPEAT_MS) return;
    this.said = now;
    this.say(
      `Another member of the cluster says that it is ${this.what} ${id} as well. ` +
        'Was its folder copied? Stop one of the two: they take each other’s requests.',
    );
    this.answer();
  }
}

const REPEAT_MS = 60_000;
