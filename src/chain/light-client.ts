/**
 * The light client: follows a chain through sources that it does not trust, verifies every header, and shows what
 * it found. Sources that break a rule are named and put off; what was verified stays.
 */
import type { ComputePool } from '../crypto/jobs.ts';
import { headShare, type PotBudget, type PotShare } from '../crypto/pot-budget.ts';
import { PotVerifier, type PotAccelerator, type PotHelper } from '../crypto/pot-verifier.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { RpcError } from '../network/rpc-error.ts';
import type { ChainSource } from '../network/source.ts';
import { toHex } from '../protocol/bytes.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import type { PotProof } from '../protocol/pot-proof.ts';
import type { ChainConstants, HistorySize, SegmentIndex } from '../protocol/types.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import type { BeginChoice, Beginning } from './beginning.ts';
import { historySizeOf } from './block.ts';
import { ChainBook, type VerifiedHeader } from './book.ts';
import { SlotClock } from './clock.ts';
import type { ExaminationPolicy } from './examination.ts';
import { genesisInfo, Importer, infoOf, verifiedInfo, type BlockInfo, type ChainTree } from './importer.ts';
import { ChainKeeper } from './keeper.ts';
import { Introduction } from './introduction.ts';
import { CannotExamine, type Learned } from './learn.ts';
import type { KnownNetwork } from './network-facts.ts';
import { Peer } from './peer.ts';
import type { RuntimeFacts } from './runtime.ts';
import { RuntimeMemory } from './runtime-memory.ts';
import { RuntimeWatch } from './runtime-watch.ts';
import type { ChainRecord } from './record.ts';
import type { ChainCause, ChainPhase, ChainSnapshot } from './snapshot.ts';
import { phaseOf, troubleOf } from './standing.ts';
import { EarlyBlock, PATIENCE_MS, RefusedBlock, Synchronizer, UnreliableSource } from './sync.ts';
import { TimeAhead } from './time-ahead.ts';
import { ForkTree, type Insertion } from './tree.ts';
import { BlockVerifier } from './verifier.ts';
import { Wakeup } from './wakeup.ts';

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
  /** Milliseconds that a source may take for a batch of blocks. */
  patienceMs?: number;
  /** Lines for the log; free of secrets. */
  log?: (line: string) => void;
}

/** How often a quiet source is asked for its best block. */
const POLL_MS = 15_000;
const SAVE_INTERVAL_MS = 5_000;
const TICK_MS = 1_000;
/** Block intervals without a new head after which the chain counts as standing still: once in 10^9. */
const STALLED_INTERVALS = 20;
const LEAST_STALLED_MS = 30_000;
/** Blocks behind the verified head beyond which a source is not used, where finality is not nearer. */
const MAX_BEHIND = 20;

/** What exists once the network's facts are known. */
interface Chain {
  constants: ChainConstants;
  genesisHash: Uint8Array;
  beginning: Beginning;
  /** The source whose word for the runtime the chain was begun by, until that is borne out; null: nobody's. */
  begunBy: Peer | null;
  tree: ChainTree;
  sync: Synchronizer;
}

export class LightClient {
  private chain: Chain | null = null;
  private readonly peers: Peer[];
  private readonly pot: PotVerifier;
  private readonly introduction: Introduction;
  private readonly timeAhead: TimeAhead;
  private potBudget: PotBudget;
  private readonly clock: SlotClock;
  private readonly now: () => number;
  private readonly stopped = new AbortController();
  private readonly listeners = new Set<() => void>();
  private readonly wakeup = new Wakeup();
  private readonly ticker = new Wakeup();
  private readonly book: ChainBook;
  private tasks: Promise<unknown>[] = [];
  private syncing: Peer | null = null;
  private synced = false;
  private readonly watch: RuntimeWatch;
  private lastHeadAt: number;
  private lastTickAt: number;
  private cause: ChainCause | null = null;
  private clockCause: ChainCause | null = null;
  private ownKeys: ReadonlySet<string> = new Set();
  private readonly keeper: ChainKeeper;
  private notified = false;
  private told = '';
  private started = false;

  private constructor(private readonly options: LightClientOptions) {
    this.now = options.now ?? Date.now;
    this.potBudget = options.potBudget;
    this.pot = new PotVerifier(options.pool, options.potBudget);
    this.clock = new SlotClock(this.now);
    this.book = new ChainBook(this.now);
    const log = (line: string) => options.log?.(line);
    const memory = new RuntimeMemory(options.runtimes ?? null, log);
    this.watch = new RuntimeWatch(options.network.constants !== null, memory, this.now, log);
    this.keeper = new ChainKeeper(options.store, this.now, log);
    this.lastHeadAt = this.now();
    this.lastTickAt = this.now();
    this.timeAhead = new TimeAhead({
      pot: this.pot,
      share: () => this.headShare(),
      head: () => this.chain?.tree.best.context ?? null,
      changed: () => this.changed(),
      lied: (peer, { rule, sentence }) => this.putOff(peer, null, rule, sentence),
      signal: this.signal,
    });
    const events = {
      changed: () => this.changed(),
      heard: (peer: Peer, proof: PotProof) => this.timeAhead.heard(peer, proof),
      lied: (peer: Peer, rule: string, sentence: string) => this.putOff(peer, null, rule, sentence),
    };
    this.peers = options.sources.map((source) => new Peer(source, events, this.now));
    this.introduction = new Introduction({
      network: options.network,
      begin: options.begin ?? { kind: 'auto' },
      examination: options.examination,
      patienceMs: this.patienceMs,
      pot: this.pot,
      potBudget: () => this.potBudget,
      verifierOf: this.verifierOf,
      peers: this.peers,
      now: this.now,
      wakeup: this.wakeup,
      changed: () => this.changed(),
      putOff: (peer, rule, sentence) => this.putOff(peer, null, rule, sentence),
      judge: (peer, error) => this.judge(peer, error),
      signal: this.signal,
    });
  }

  /** Opens the client with what is stored; nothing is asked of any source before `start`. */
  static async open(options: LightClientOptions): Promise<LightClient> {
    await loadWasm();
    const client = new LightClient(options);
    await client.restore();
    return client;
  }

  /** Begins to follow the sources. */
  start(): void {
    if (this.started) return;
    this.started = true;
    this.lastHeadAt = this.now();
    this.tasks = [...this.peers.map((peer) => this.serve(peer)), this.tick()];
  }

  /** Stops, saves, and closes the sources. */
  async stop(): Promise<void> {
    this.stopped.abort(new DOMException('the light client was stopped', 'AbortError'));
    this.wakeup.close();
    this.ticker.close();
    await Promise.allSettled(this.tasks);
    await this.save();
    for (const peer of this.peers) peer.close();
    this.listeners.clear();
  }

  /** Calls `listener` after every change; returns what stops that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Segments archived as of the best block, at least 1. */
  historySize(): HistorySize {
    return this.chain === null ? 1n : historySizeOf(this.chain.tree.best.context);
  }

  /** Commitment (48 bytes) of a segment as the best chain has it, or null. */
  segmentCommitment(segment: SegmentIndex): Uint8Array | null {
    const { commitments } = this.chain?.tree.best.context ?? { commitments: [] };
    return segment < BigInt(commitments.length) ? (commitments[Number(segment)] as Uint8Array) : null;
  }

  /** The best block, or null until the network is known. */
  head(): VerifiedHeader | null {
    return this.chain?.tree.best ?? null;
  }

  /** The newest final block, or null until the network is known. */
  finalized(): VerifiedHeader | null {
    return this.chain?.tree.final ?? null;
  }

  /** A verified header by its hash (32 bytes), as far back as they are remembered. */
  header(hash: Uint8Array): VerifiedHeader | null {
    return this.chain?.tree.get(hash) ?? this.book.finalHeader(hash);
  }

  /** The runtime of the head, or null until a source described it; `provenance` says who stands behind it. */
  runtime(): RuntimeFacts | null {
    return this.watch.facts;
  }

  /** Constants of the network, or null until they are known. */
  constants(): ChainConstants | null {
    return this.chain?.constants ?? null;
  }

  /** 32 bytes, or null until the network is known. */
  genesisHash(): Uint8Array | null {
    return this.chain?.genesisHash ?? null;
  }

  /** Sources to ask for proofs and to submit to, best behaved first. What they say is to be verified. */
  sources(): ChainSource[] {
    const usable = this.peers.filter(({ usable: is }) => is);
    return usable.sort((a, b) => a.penalty - b.penalty).map(({ source }) => source);
  }

  /** Marks the blocks of these farmers' public keys (hex) as the node's own. */
  setOwnKeys(publicKeys: ReadonlySet<string>): void {
    this.ownKeys = publicKeys;
    this.changed();
  }

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

  snapshot(): ChainSnapshot {
    const { chain } = this;
    const best = chain?.tree.best.context ?? null;
    const final = chain?.tree.final.context ?? null;
    const claimed = this.peers.flatMap(({ claimedBest, dropped }) =>
      claimedBest === null || dropped ? [] : [claimedBest.header.number],
    );
    const phase = this.phase();
    const slot = this.timeAhead.slot();
    return {
      phase,
      cause: this.causeOf(phase),
      genesisHash: chain && toHex(chain.genesisHash),
      best: best && {
        number: best.number,
        hash: toHex(best.hash),
        slot: String(best.slot),
        weight: String(best.weight),
      },
      finalized: final && { number: final.number, hash: toHex(final.hash) },
      target: claimed.length === 0 ? null : Math.max(...claimed),
      beginning: chain?.beginning ?? null,
      examination: this.introduction.examination,
      headersPerSecond: this.book.headersPerSecond(),
      sources: this.peers.map((peer) => peer.status()),
      blocks: chain === null ? [] : this.book.views(chain.tree, this.ownKeys),
      forks: (chain?.tree.forks() ?? []).map(({ tip, length }) => ({
        hash: toHex(tip.hash),
        number: tip.number,
        length,
        weight: String(tip.weight),
      })),
      refusals: [...this.book.refusals],
      pot: {
        ...this.pot.stats(),
        head: this.headShare(),
        due: this.iterationsDue(),
        slot: slot === null ? null : String(slot),
      },
      solutionRange: best && String(best.childSolutionRange),
      historySize: chain && String(this.historySize()),
      slotDurationMs: chain?.constants.slotDurationMs ?? null,
      confirmationDepthK: chain?.constants.confirmationDepthK ?? null,
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

  private async serve(peer: Peer): Promise<void> {
    while (!this.signal.aborted) {
      if (!peer.usable) {
        await this.wakeup.wait(Math.max(100, Math.min(POLL_MS, peer.wakesAt - this.now())));
        continue;
      }
      try {
        await this.greet(peer);
        while (peer.usable && !this.signal.aborted) await this.attend(peer);
      } catch (error) {
        this.judge(peer, error);
      }
    }
  }

  /** Makes sure that a source serves the network, and learns the network from it if nobody else told. */
  private async greet(peer: Peer): Promise<void> {
    const seen = await peer.source.genesisHash(this.signal);
    this.introduction.requireNetwork(seen, this.chain?.genesisHash ?? null);
    if (this.chain === null) {
      await this.exclusively(peer, async () => {
        if (this.chain !== null) return;
        const [holder, learned] = await this.introduction.from(peer, seen);
        this.beginAt(learned, holder);
      });
    }
    this.introduction.requireNetwork(seen, this.genesisHash());
    await this.askBest(peer);
  }

  private beginAt({ root, above, constants, genesisHash, beginning }: Learned, begunBy: Peer): void {
    const tree = this.treeOf(root, constants);
    for (const block of above) {
      const extra = verifiedInfo(block, this.now());
      const { finalized } = tree.insert({ header: block.block.header, context: block.context, extra });
      this.book.finalized(finalized);
      this.book.verified(extra);
    }
    this.lastHeadAt = this.now();
    this.begin(constants, genesisHash, beginning, tree).begunBy = begunBy;
  }

  private treeOf(root: VerifiedHeader, { confirmationDepthK }: ChainConstants): ChainTree {
    return new ForkTree({ ...root, extra: this.storedInfo(root) }, confirmationDepthK);
  }

  private readonly verifierOf = (constants: ChainConstants): BlockVerifier =>
    new BlockVerifier(this.options.pool, this.pot, constants);

  private begin(
    constants: ChainConstants,
    genesisHash: Uint8Array,
    beginning: Beginning,
    tree: ChainTree,
  ): Chain {
    const importer = new Importer(
      this.verifierOf(constants),
      tree,
      {
        // A chain that was given up may still be read to its end.
        inserted: (...what) => {
          if (this.chain === chain) this.inserted(...what);
        },
      },
      this.now,
      () => this.clock.latestSlot(constants.slotDurationMs),
    );
    const progress = {
      imported: (headers: number) => this.imported(headers),
      headShare: () => this.headShare(),
    };
    const chain: Chain = {
      constants,
      genesisHash,
      beginning,
      begunBy: null,
      tree,
      sync: new Synchronizer(importer, progress, this.patienceMs),
    };
    this.chain = chain;
    this.changed();
    return chain;
  }

  /** One step with a connected source: what it claims is fetched, or it is waited for. */
  private async attend(peer: Peer): Promise<void> {
    const { chain } = this;
    if (chain === null) return this.greet(peer);
    const { sync } = chain;
    const claimed = peer.claimedBest;
    if (claimed !== null && sync.wants(peer) && sync.isFar(claimed)) {
      await this.exclusively(peer, async () => {
        if (!sync.wants(peer)) return;
        await sync.catchUp(peer, this.signal);
        peer.doneWith(claimed);
      });
      return;
    }
    const announcement = peer.nextAnnouncement() ?? (sync.wants(peer) ? claimed : null);
    if (announcement !== null) {
      if (!sync.isFar(announcement)) await sync.follow(peer, announcement, this.signal);
      peer.doneWith(announcement);
      return;
    }
    this.settle();
    if (this.watch.isDue()) await this.watchRuntime(peer, chain);
    await this.wakeup.wait(POLL_MS);
    if (this.now() - peer.askedAt >= POLL_MS && peer.usable) await this.askBest(peer);
  }

  private async askBest(peer: Peer): Promise<void> {
    peer.askedAt = this.now();
    const header = await peer.source.bestHeader(this.signal);
    peer.claimedBest = { header, hash: headerHash(header) };
    const behind = (this.chain?.tree.best.context.number ?? 0) - header.number;
    if (behind > this.staleBlocks()) {
      throw new UnreliableSource(
        `The source is ${behind} blocks behind. Either it is catching up, or its network was started anew: then begin the chain anew in the settings.`,
      );
    }
    this.changed();
  }

  /** Blocks that a source may be behind the verified head and still be asked. */
  private staleBlocks(): number {
    return Math.min(MAX_BEHIND, this.chain?.constants.confirmationDepthK ?? MAX_BEHIND);
  }

  /** Looks at the runtime and the network's time. Constants that are in force and not a preset's are taken over. */
  private async watchRuntime(peer: Peer, chain: Chain): Promise<void> {
    const { tree, constants } = chain;
    const { context } = tree.best;
    const others = this.sources().filter((source) => source !== peer.source);
    const watched = { best: tree.best, final: tree.final.context, constants };
    const news = await this.watch.look(peer.source, others, watched, this.signal);
    if (news === null || this.chain !== chain) return;
    const { facts, differing } = news;
    this.clock.setAnchor({ slot: context.slot, timestampMs: facts.timestampMs });
    this.clockCause = this.clock.causeOfTime(facts.timestampMs);
    if (differing.length > 0 && this.options.network.constants === null) this.takeOver(facts, chain);
    if (facts.provenance.kind === 'proven') chain.begunBy = null;
    this.changed();
  }

  /** Goes on by other constants; where those before were a source's word that proves false, from the beginning. */
  private takeOver({ constants, provenance, specVersion }: RuntimeFacts, chain: Chain): void {
    const { tree, genesisHash, beginning } = chain;
    if (provenance.kind === 'proven' && chain.begunBy !== null) {
      this.abandon(`what was told of the rules of version ${specVersion} was false`);
      return;
    }
    const again: ChainTree = new ForkTree(tree.final, constants.confirmationDepthK);
    for (const block of tree.blocks()) again.insert(block);
    this.begin(constants, genesisHash, beginning, again);
  }

  /** Runs work that only one source at a time may be used for. */
  private async exclusively(peer: Peer, work: () => Promise<void>): Promise<void> {
    while (this.syncing !== null) await this.wakeup.wait(TICK_MS);
    this.signal.throwIfAborted();
    this.syncing = peer;
    this.changed();
    try {
      await work();
    } finally {
      this.syncing = null;
      this.changed();
    }
  }

  /** Decides what a failure says about the source. */
  private judge(peer: Peer, error: unknown): void {
    if (this.signal.aborted) return;
    if (error instanceof RefusedBlock) {
      const { header } = error.block;
      this.putOff(
        peer,
        { number: header.number, hash: headerHash(header) },
        error.cause.rule,
        error.cause.sentence,
      );
      this.doubtFacts();
    } else if (error instanceof ProtocolError) {
      this.putOff(peer, null, error.rule, error.sentence);
      if (error.rule === 'runtime-metadata' && this.chain?.begunBy === peer)
        this.abandon('it was begun by false metadata');
    } else if (error instanceof EarlyBlock) {
      this.clockCause = this.clock.causeOf(error.slot);
      peer.rest('Its newest block is not due yet by this device’s clock.');
    } else if (error instanceof CannotExamine) {
      this.introduction.cannotExamine(peer, error.sentence);
    } else if (error instanceof UnreliableSource) {
      peer.rest(error.sentence);
    } else if (error instanceof RpcError) {
      if (error.code === 'malformed' || error.code === 'oversized')
        this.putOff(peer, null, 'rpc', error.sentence);
      else if (error.code !== 'disconnected' && error.code !== 'closed') peer.rest(error.sentence);
    } else {
      this.options.log?.(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`);
      peer.rest('The source answered in a way that this app does not understand.');
    }
  }

  private putOff(
    peer: Peer,
    block: { number: number; hash: Uint8Array } | null,
    rule: string,
    sentence: string,
  ): void {
    this.book.refused({
      source: peer.name,
      number: block?.number ?? null,
      hash: block && toHex(block.hash),
      rule,
      sentence,
    });
    this.options.log?.(`${peer.name} was put off (${rule}): ${sentence}`);
    peer.drop(sentence);
  }

  /** The facts came from one source; while no block confirmed them, another one may tell others. */
  private doubtFacts(): void {
    const { chain } = this;
    if (chain !== null && chain.beginning.kind === 'genesis' && chain.tree.best.context.number === 0)
      this.chain = null;
  }

  /** Forgets a chain whose beginning proves false. */
  private abandon(why: string): void {
    this.options.log?.(`the chain begins anew: ${why}`);
    this.chain = null;
    this.book.forgetChain();
    this.synced = false;
    void this.keeper.clear();
    this.changed();
  }

  // The chain

  private inserted(info: BlockInfo, insertion: Insertion<BlockInfo>, upgrades: boolean): void {
    this.book.verified(info);
    this.book.finalized(insertion.finalized);
    if (insertion.best) {
      this.lastHeadAt = this.now();
      this.clockCause = null;
      if (upgrades) this.watch.upgraded();
      this.timeAhead.headChanged();
    }
    if (insertion.reorg !== null) this.book.reorganised(insertion.reorg);
    this.changed();
  }

  private imported(headers: number): void {
    this.book.imported(headers);
    if (this.now() - this.keeper.lastSave > SAVE_INTERVAL_MS) void this.save();
  }

  /** Milliseconds between blocks, on average. */
  private blockIntervalMs({ slotProbability, slotDurationMs }: ChainConstants): number {
    return (slotDurationMs * Number(slotProbability[1])) / Number(slotProbability[0]);
  }

  /** Iterations a second that the network's slots bring; 0 until it is known. */
  private iterationsDue(): number {
    const { chain } = this;
    if (chain === null) return 0;
    return (1_000 * chain.tree.best.context.childSlotIterations) / chain.constants.slotDurationMs;
  }

  private headShare(): PotShare {
    return headShare(this.potBudget, this.pot.headRate(), this.iterationsDue());
  }

  // What is said about it

  private phase(): ChainPhase {
    return phaseOf({
      started: this.started,
      peers: this.peers,
      examining: this.introduction.examination !== null,
      known: this.chain !== null,
      stalled: this.isStalled(),
      behind: this.syncing !== null || !this.synced,
    });
  }

  private isStalled(): boolean {
    const { chain } = this;
    if (chain === null) return false;
    const limit = Math.max(LEAST_STALLED_MS, STALLED_INTERVALS * this.blockIntervalMs(chain.constants));
    return this.now() - this.lastHeadAt > limit;
  }

  private causeOf(phase: ChainPhase): ChainCause | null {
    const trouble = troubleOf(phase, this.peers);
    const found =
      this.clockCause ??
      (trouble === null ? (this.watch.cause ?? this.keeper.cause) : { ...trouble, since: this.now() });
    if (found === null) this.cause = null;
    else if (this.cause?.code !== found.code) this.cause = found;
    return this.cause;
  }

  /** Nothing is left to fetch from a source. */
  private settle(): void {
    if (this.synced || this.syncing !== null) return;
    this.synced = true;
    this.lastHeadAt = this.now();
    this.changed();
    void this.save();
  }

  private async tick(): Promise<void> {
    while (!this.signal.aborted) {
      await this.ticker.wait(TICK_MS);
      const now = this.now();
      // The device slept: it cannot be held against the network that no block came.
      if (now - this.lastTickAt > 10 * TICK_MS) this.lastHeadAt = now;
      this.lastTickAt = now;
      const phase = this.phase();
      const told = `${phase} ${this.causeOf(phase)?.code} ${this.book.headersPerSecond()}`;
      if (told !== this.told) this.changed();
      this.told = told;
    }
  }

  private changed(): void {
    this.wakeup.wake();
    if (this.notified) return;
    this.notified = true;
    queueMicrotask(() => {
      this.notified = false;
      for (const listener of this.listeners) listener();
    });
  }

  // Storage

  private restore(): Promise<void> {
    return this.keeper.restore(this.options.network.genesisHash, (record) => {
      const tree = this.treeOf(record.final, record.constants);
      for (const block of record.blocks) tree.insert({ ...block, extra: this.storedInfo(block) });
      this.begin(record.constants, record.genesisHash, record.beginning, tree);
      for (const { extra } of tree.blocks()) this.book.verified(extra);
    });
  }

  /** What is shown of a block that was not verified in this run. */
  private storedInfo({ header, context }: VerifiedHeader): BlockInfo {
    const how = { checks: [], pot: 'stored' as const, receivedAt: this.now() };
    if (header.number === 0) return genesisInfo(context, how);
    return infoOf(subspaceDigests(header), context, toHex(header.parentHash), how);
  }

  private save(): Promise<void> {
    return this.keeper.save((): ChainRecord | null => {
      const { chain } = this;
      if (chain === null || chain.tree.best.context.number === 0) return null;
      const { genesisHash, constants, beginning, tree } = chain;
      return { genesisHash, constants, beginning, final: tree.final, blocks: [...tree.blocks()] };
    });
  }
}
