/** Notices when another member says that it is this one, as a copied folder does, or has the same caches. */
export class IdentityWatch {
  private said = -Infinity;

  constructor(
    private readonly what: 'cache' | 'farm' | 'controller',
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
      this.what === 'controller'
        ? `Another controller has the caches of group “${id}” as well. ` +
            'Give one of the two another group: each undoes what the other does.'
        : `Another member of the cluster says that it is ${this.what} ${id} as well. ` +
            'Was its folder copied? Stop one of the two: they take each other’s requests.',
    );
    this.answer();
  }
}

const REPEAT_MS = 60_000;
