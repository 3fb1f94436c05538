/**
 * The light client: follows a chain through sources that it does not trust, verifies every header, and shows what
 * it found. Sources that break a rule are named and put off; what was verified stays.
 */
import { Wakeup } from '../async/wakeup.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { headShare, type PotBudget, type PotShare } from '../crypto/pot-budget.ts';
import type { PotAccelerator, PotHelper } from '../crypto/pot-helper.ts';
import { PotVerifier } from '../crypto/pot-verifier.ts';
import { loadWasm } from '../crypto/wasm.ts';
import type { ChainSource } from '../network/source.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import type { ChainConstants, HistorySize, SegmentIndex } from '../protocol/types.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import { Attendance } from './attendance.ts';
import type { BeginChoice } from './beginning.ts';
import { historySizeOf } from './block.ts';
import { ChainBook, type VerifiedHeader } from './book.ts';
import { Changes } from './changes.ts';
import { SlotClock } from './clock.ts';
import type { ExaminationPolicy } from './examination.ts';
import { chainView, type FollowedChain } from './followed-chain.ts';
import { HeldChain } from './held-chain.ts';
import { Introduction } from './introduction.ts';
import { judgementOf } from './judgement.ts';
import { ChainKeeper } from './keeper.ts';
import type { KnownNetwork } from './network-facts.ts';
import type { Peer } from './peer.ts';
import { Peers } from './peers.ts';
import { RuntimeMemory } from './runtime-memory.ts';
import { RuntimeWatch } from './runtime-watch.ts';
import { metadataAt, type RuntimeFacts } from './runtime.ts';
import type { ChainCause, ChainPhase, ChainSnapshot } from './snapshot.ts';
import { Standing } from './standing.ts';
import type { StateBlock } from './state/reader.ts';
import { TimeAhead } from './time-ahead.ts';
import { PATIENCE_MS } from './unreliable.ts';

export interface LightClientOptions {
  sources: readonly ChainSource[];
  pool: ComputePool;
  /** Null: nothing is kept between runs. */
  store: ChainStore | null;
  /** Where metadata is kept that the runtime's code gave; left out: nowhere. */
  runtimes?: ChainStore;
  network: KnownNetwork;
  /** Where to begin; left out: by the length of the chain. A stored chain goes on as it is. */
  begin?: BeginChoice;
  /** When and how strictly history is examined by samples. */
  examination?: ExaminationPolicy;
  potBudget: PotBudget;
  /** Milliseconds since the epoch; differs in tests only. */
  now?: () => number;
  /** Milliseconds of a clock that nobody sets; differs in tests only. */
  elapsed?: () => number;
  /** Milliseconds that a source may take for a batch of blocks. */
  patienceMs?: number;
  /** Lines for the log; free of secrets. */
  log?: (line: string) => void;
}

const TICK_MS = 1_000;
/** Rules that a source breaks whose runtime is not what it says, or does not run. */
const RUNTIME_RULES: ReadonlySet<string> = new Set(['runtime-metadata', 'runtime-code']);

export class LightClient {
  private readonly held: HeldChain;
  private readonly peers: Peers;
  private readonly pot: PotVerifier;
  private readonly introduction: Introduction;
  private readonly timeAhead: TimeAhead;
  private potBudget: PotBudget;
  private readonly clock: SlotClock;
  private readonly stopped = new AbortController();
  private readonly changes = new Changes();
  private readonly wakeup = new Wakeup();
  private readonly ticker = new Wakeup();
  private readonly book: ChainBook;
  private tasks: Promise<unknown>[] = [];
  private readonly watch: RuntimeWatch;
  private readonly standing: Standing;
  private readonly attendance: Attendance;
  private ownKeys: ReadonlySet<string> = new Set();
  private readonly keeper: ChainKeeper;
  private told = '';
  private started = false;

  private constructor(private readonly options: LightClientOptions) {
    const { now = Date.now, elapsed = () => performance.now() } = options;
    const clocks = { now, elapsed };
    this.potBudget = options.potBudget;
    this.pot = new PotVerifier(options.pool, options.potBudget);
    this.clock = new SlotClock(clocks);
    this.book = new ChainBook(clocks);
    const log = (line: string) => options.log?.(line);
    const memory = new RuntimeMemory(options.runtimes ?? null, log);
    this.watch = new RuntimeWatch(options.network.constants !== null, options.pool, memory, clocks, log);
    this.keeper = new ChainKeeper(options.store, clocks, log);
    this.peers = new Peers({
      book: this.book,
      changed: () => this.changed(),
      heard: (peer, proof) => this.timeAhead.heard(peer, proof),
      log,
      elapsed,
    });
    for (const source of options.sources) this.peers.add(source);
    this.held = new HeldChain({
      pool: options.pool,
      pot: this.pot,
      book: this.book,
      keeper: this.keeper,
      patienceMs: this.patienceMs,
      headShare: () => this.headShare(),
      latestSlot: (slotDurationMs) => this.clock.latestSlot(slotDurationMs),
      inserted: ({ best }, upgrades) => {
        if (best) this.headCame(upgrades);
      },
      abandoned: () => {
        this.standing.synced = false;
      },
      changed: () => this.changed(),
      now,
      log,
    });
    this.timeAhead = new TimeAhead({
      pot: this.pot,
      share: () => this.headShare(),
      head: () => this.held.chain?.tree.best.context ?? null,
      changed: () => this.changed(),
      lied: (peer, { rule, sentence }) => this.peers.putOff(peer, null, rule, sentence),
      signal: this.signal,
    });
    this.standing = new Standing(this.peers.all, clocks);
    this.attendance = new Attendance({
      chain: () => this.held.chain,
      meet: (peer) => this.meet(peer),
      settled: (peer, chain) => this.settled(peer, chain),
      judge: (peer, error) => this.judge(peer, error),
      changed: () => this.changed(),
      wakeup: this.wakeup,
      elapsed,
      signal: this.signal,
    });
    this.introduction = new Introduction({
      network: options.network,
      begin: options.begin ?? { kind: 'auto' },
      examination: options.examination,
      patienceMs: this.patienceMs,
      pot: this.pot,
      potBudget: () => this.potBudget,
      verifierOf: this.held.verifierOf,
      peers: this.peers.all,
      elapsed,
      wakeup: this.wakeup,
      changed: () => this.changed(),
      putOff: (peer, rule, sentence) => this.peers.putOff(peer, null, rule, sentence),
      judge: (peer, error) => this.judge(peer, error),
      signal: this.signal,
    });
  }

  /** Opens the client with what is stored; nothing is asked of any source before `start`. */
  static async open(options: LightClientOptions): Promise<LightClient> {
    await loadWasm();
    const client = new LightClient(options);
    await client.held.restore(options.network.genesisHash);
    return client;
  }

  /** Begins to follow the sources. */
  start(): void {
    if (this.started) return;
    this.started = true;
    this.standing.headCame();
    this.tasks = [...this.peers.all.map((peer) => this.attendance.serve(peer)), this.tick()];
  }

  /** Asks one more source from now on; it is closed with the others. */
  addSource(source: ChainSource): void {
    if (this.signal.aborted) {
      source.close();
      return;
    }
    const peer = this.peers.add(source);
    if (this.started) this.tasks.push(this.attendance.serve(peer));
    this.changed();
  }

  /** Stops, saves, and closes the sources. */
  async stop(): Promise<void> {
    this.stopped.abort(new DOMException('the light client was stopped', 'AbortError'));
    this.wakeup.close();
    this.ticker.close();
    await Promise.allSettled(this.tasks);
    await this.held.save();
    this.peers.close();
    this.changes.close();
  }

  /** Calls `listener` after every change; returns what stops that. */
  onChange(listener: () => void): () => void {
    return this.changes.onChange(listener);
  }

  /** Segments archived as of the best block, at least 1. */
  historySize(): HistorySize {
    return this.held.chain === null ? 1n : historySizeOf(this.held.chain.tree.best.context);
  }

  /** Commitment (48 bytes) of a segment as the best chain has it, or null. */
  segmentCommitment(segment: SegmentIndex): Uint8Array | null {
    const { commitments } = this.held.chain?.tree.best.context ?? { commitments: [] };
    return segment < BigInt(commitments.length) ? (commitments[Number(segment)] as Uint8Array) : null;
  }

  /** The best block, or null until the network is known. */
  head(): VerifiedHeader | null {
    return this.held.chain?.tree.best ?? null;
  }

  /** The newest final block, or null until the network is known. */
  finalized(): VerifiedHeader | null {
    return this.held.chain?.tree.final ?? null;
  }

  /** A verified header by its hash (32 bytes), as far back as they are remembered. */
  header(hash: Uint8Array): VerifiedHeader | null {
    return this.held.header(hash);
  }

  /** The runtime of the head, or null until a source described it; `provenance` says who stands behind it. */
  runtime(): RuntimeFacts | null {
    return this.watch.facts;
  }

  /** Metadata of the runtime that left a final block's state. Throws ProtocolError, and what the source rejects with. */
  metadataAt(source: ChainSource, final: StateBlock, signal?: AbortSignal): Promise<RuntimeMetadata> {
    return metadataAt(this.options.pool, source, final, signal);
  }

  /** Constants of the network, or null until they are known. */
  constants(): ChainConstants | null {
    return this.held.chain?.constants ?? null;
  }

  /** 32 bytes, or null until the network is known. */
  genesisHash(): Uint8Array | null {
    return this.held.chain?.genesisHash ?? null;
  }

  /** Sources to ask for proofs and to submit to, best behaved first. What they say is to be verified. */
  sources(): ChainSource[] {
    return this.peers.usable();
  }

  /** Marks the blocks of these farmers' public keys (hex) as the node's own. */
  setOwnKeys(publicKeys: ReadonlySet<string>): void {
    this.ownKeys = publicKeys;
    this.changed();
  }

  /** Changes how much of the proofs of time is verified from now on. Throws RangeError for what cannot be. */
  setPotBudget(budget: PotBudget): void {
    this.pot.setBudget(budget);
    this.potBudget = budget;
    this.changed();
  }

  /** Lets a helper of the person's own verify proofs of time; null: this machine does. */
  usePotHelper(helper: PotHelper | null): void {
    this.pot.useHelper(helper);
    this.changed();
  }

  /** Lets the graphics processor verify what is caught up with; null: the pool does. */
  usePotAccelerator(accelerator: PotAccelerator | null): void {
    this.pot.useAccelerator(accelerator);
  }

  /** Everything that is shown of the client now. */
  snapshot(): ChainSnapshot {
    const { chain } = this.held;
    const phase = this.phase();
    const slot = this.timeAhead.slot();
    return {
      ...chainView(chain),
      phase,
      cause: this.causeOf(phase),
      target: this.peers.target(),
      examination: this.introduction.examination,
      headersPerSecond: this.book.headersPerSecond(),
      sources: this.peers.views(),
      blocks: chain === null ? [] : this.book.views(chain.tree, this.ownKeys),
      refusals: [...this.book.refusals],
      pot: {
        ...this.pot.stats(),
        head: this.headShare(),
        due: this.held.iterationsDue,
        slot: slot === null ? null : String(slot),
      },
      rules: this.watch.view(),
      reorgs: [...this.book.reorgs],
    };
  }

  // Sources

  private get patienceMs(): number {
    return this.options.patienceMs ?? PATIENCE_MS;
  }

  private get signal(): AbortSignal {
    return this.stopped.signal;
  }

  /** Makes sure that a source serves the network, and learns the network from it if nobody else told. */
  private async meet(peer: Peer): Promise<void> {
    const seen = await peer.source.genesisHash(this.signal);
    this.introduction.requireNetwork(seen, this.held.chain?.genesisHash ?? null);
    if (this.held.chain === null) {
      await this.attendance.exclusively(peer, async () => {
        if (this.held.chain !== null) return;
        const [holder, learned] = await this.introduction.from(peer, seen);
        // Constants that come with the app are no source's word.
        this.held.beginWith(learned, this.options.network.constants === null ? holder : null);
        this.standing.headCame();
      });
    }
    this.introduction.requireNetwork(seen, this.genesisHash());
  }

  /** Nothing is left to fetch from a source. */
  private async settled(peer: Peer, chain: FollowedChain): Promise<void> {
    if (!this.standing.synced && !this.attendance.busy) {
      this.standing.synced = true;
      this.standing.headCame();
      this.changed();
      void this.held.save();
    }
    if (this.watch.isDue(peer.source)) await this.watchRuntime(peer, chain);
  }

  /** Looks at the runtime and the network's time. Constants in force are taken over; a preset's give way to proven ones only. */
  private async watchRuntime(peer: Peer, chain: FollowedChain): Promise<void> {
    const { tree, constants } = chain;
    const { context } = tree.best;
    const others = this.sources().filter((source) => source !== peer.source);
    const watched = { best: tree.best, final: tree.final.context, constants };
    const news = await this.watch.look(peer.source, others, watched, this.signal);
    if (news === null || this.held.chain !== chain) return;
    const { facts, differing } = news;
    this.clock.setAnchor({ slot: context.slot, timestampMs: facts.timestampMs });
    this.standing.clockCause = this.clock.cause();
    if (this.clock.wantsAnchors) this.watch.lookAgain();
    const proven = facts.provenance.kind === 'proven';
    if (differing.length > 0 && (proven || this.options.network.constants === null))
      this.held.takeOver(facts, chain);
    if (proven) chain.begunBy = null;
    this.changed();
  }

  /** Does what a failure asks for. */
  private judge(peer: Peer, error: unknown): void {
    if (this.signal.aborted) return;
    const judgement = judgementOf(error);
    switch (judgement.kind) {
      case 'lie':
        this.peers.putOff(peer, judgement.block, judgement.rule, judgement.sentence);
        if (judgement.block !== null) this.held.doubtFacts();
        else if (RUNTIME_RULES.has(judgement.rule) && this.held.chain?.begunBy === peer)
          this.held.abandon('what its first source told of the runtime does not hold');
        return;
      case 'early':
        this.standing.clockCause = this.clock.causeOf(judgement.slot);
        this.standing.early = true;
        peer.rest('Its newest block is not due yet by this device’s clock.');
        return;
      case 'unexaminable':
        this.introduction.cannotExamine(peer, judgement.sentence);
        return;
      case 'failure':
        if (judgement.log !== null) this.options.log?.(`${peer.name}: ${judgement.log}`);
        peer.rest(judgement.sentence);
        return;
      case 'gone':
    }
  }

  private headCame(upgrades: boolean): void {
    this.standing.headCame();
    this.standing.clockCause = this.clock.cause();
    this.standing.early = false;
    if (upgrades) this.watch.upgraded();
    this.timeAhead.headChanged();
  }

  private headShare(): PotShare {
    return headShare(this.potBudget, this.pot.headRate(), this.held.iterationsDue);
  }

  // What is said about it

  private phase(): ChainPhase {
    return this.standing.phase({
      started: this.started,
      examining: this.introduction.examination !== null,
      constants: this.constants(),
      reading: this.attendance.busy,
    });
  }

  private causeOf(phase: ChainPhase): ChainCause | null {
    return this.standing.causeOf(phase, this.watch.cause ?? this.keeper.cause ?? this.clock.causeAhead());
  }

  private async tick(): Promise<void> {
    while (!this.signal.aborted) {
      await this.ticker.wait(TICK_MS);
      this.standing.lookAtClock();
      const phase = this.phase();
      const told = `${phase} ${this.causeOf(phase)?.code} ${this.book.headersPerSecond()}`;
      if (told !== this.told) this.changed();
      this.told = told;
    }
  }

  private changed(): void {
    this.wakeup.wake();
    this.changes.tell();
  }
}
