/** How a client comes to know its network: from a source's word, a checkpoint, or an examined history. */
import type { Wakeup } from '../async/wakeup.ts';
import type { PotBudget } from '../crypto/pot-budget.ts';
import type { PotVerifier } from '../crypto/pot-verifier.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import type { ChainConstants } from '../protocol/types.ts';
import type { BeginChoice, ExaminationView } from './beginning.ts';
import { EXAMINATION, type ExaminationPolicy } from './examination.ts';
import { wrongGenesis } from './genesis.ts';
import { learn, type Learned } from './learn.ts';
import type { KnownNetwork } from './network-facts.ts';
import type { Peer } from './peer.ts';
import type { BlockVerifier } from './verifier.ts';

/** How long sources that are being connected to are waited for before an examined chain is compared. */
const RIVALS_MS = 3_000;
const LIGHTER = 'The source follows a chain that less space stands behind than behind another source’s.';

export interface IntroductionOptions {
  network: KnownNetwork;
  begin: BeginChoice;
  examination?: ExaminationPolicy;
  patienceMs: number;
  pot: PotVerifier;
  potBudget: () => PotBudget;
  verifierOf: (constants: ChainConstants) => BlockVerifier;
  peers: readonly Peer[];
  /** Milliseconds of a clock that nobody sets. */
  elapsed: () => number;
  wakeup: Wakeup;
  changed: () => void;
  putOff: (peer: Peer, rule: string, sentence: string) => void;
  judge: (peer: Peer, error: unknown) => void;
  signal: AbortSignal;
}

export class Introduction {
  /** How far an examination is, while there is one. */
  examination: ExaminationView | null = null;
  /** Sources whose history cannot be examined. */
  private readonly unexaminable = new Set<Peer>();
  /** Why history is not examined by samples although it is long; null: it is. */
  private withoutSamples: string | null = null;

  constructor(private readonly options: IntroductionOptions) {}

  /** Throws ProtocolError (rule `genesis`) for a source of another network than the one that is wanted, if any is. */
  requireNetwork(seen: Uint8Array, known: Uint8Array | null): void {
    const { begin, network } = this.options;
    const trusted = begin.kind === 'checkpoint' ? begin.block.genesisHash : null;
    const expected = known ?? network.genesisHash ?? trusted;
    if (expected === null || equal(seen, expected)) return;
    const values = { seen: toHex(seen), expected: toHex(expected) };
    throw wrongGenesis(`genesis ${values.seen} where ${values.expected} is expected`, values);
  }

  /**
   * Learns the network from a source. An examined chain must stand comparison with those of the others, so that what
   * comes back may be another source's.
   */
  async from(peer: Peer, genesisHash: Uint8Array): Promise<[Peer, Learned]> {
    try {
      const learned = await this.learn(peer, genesisHash);
      return learned.beginning.kind === 'examined' ? await this.heaviest(peer, learned) : [peer, learned];
    } finally {
      this.examination = null;
    }
  }

  /** A source's history cannot be examined. Where none's can, the chain is verified from genesis. */
  cannotExamine(peer: Peer, sentence: string): void {
    const { peers, changed } = this.options;
    this.unexaminable.add(peer);
    const others = peers.filter((one) => one.source.state === 'connected' && !one.dropped);
    if (others.every((one) => this.unexaminable.has(one))) {
      this.withoutSamples = sentence;
      changed();
    } else peer.rest(sentence);
  }

  private learn(peer: Peer, genesisHash: Uint8Array): Promise<Learned> {
    const { network, begin, examination, patienceMs, pot, potBudget, verifierOf, signal } = this.options;
    return learn(peer.source, genesisHash, {
      network,
      choice: begin,
      policy: examination ?? EXAMINATION,
      potBudget: potBudget(),
      potRate: pot.headRate(),
      verifierOf,
      patienceMs,
      progress: (view) => {
        this.examination = view;
        this.options.changed();
      },
      withoutSamples: this.withoutSamples,
      signal,
    });
  }

  /** The chain with the most work behind it, of an examined one and those of sources that follow another. */
  private async heaviest(peer: Peer, learned: Learned): Promise<[Peer, Learned]> {
    const { peers, elapsed, wakeup, signal, putOff, judge } = this.options;
    let [holder, held] = [peer, learned];
    const until = elapsed() + RIVALS_MS;
    const connecting = () => peers.some(({ source }) => source.state === 'connecting');
    while (connecting() && elapsed() < until && !signal.aborted) await wakeup.wait(RIVALS_MS / 10);
    for (const rival of peers) {
      if (rival === peer || !rival.usable) continue;
      try {
        const { number, hash } = held.root.context;
        const other = await rival.source.hashAt(number, signal);
        if (other === null || equal(other, hash)) continue;
        const seen = await rival.source.genesisHash(signal);
        this.requireNetwork(seen, held.genesisHash);
        const found = await this.learn(rival, seen);
        const heavier = found.work > held.work;
        putOff(heavier ? holder : rival, 'superlight', LIGHTER);
        if (heavier) [holder, held] = [rival, found];
      } catch (error) {
        judge(rival, error);
      }
    }
    return [holder, held];
  }
}
