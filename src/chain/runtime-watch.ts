/** Watches which runtime the chain runs, and how sure it is of that runtime's rules. */
import type { ComputePool } from '../crypto/jobs.ts';
import { RpcError } from '../network/rpc-error.ts';
import type { ChainSource } from '../network/source.ts';
import type { ChainConstants, Header } from '../protocol/types.ts';
import type { BlockContext } from './block.ts';
import type { Clocks } from './clock.ts';
import { differingConstants } from './constants.ts';
import {
  compareMetadata,
  factsOf,
  provenMetadata,
  readRuntime,
  upgradesRuntime,
  withDepth,
  type RuntimeFacts,
} from './runtime.ts';
import type { RuntimeMemory } from './runtime-memory.ts';
import type { ChainCause, RulesView } from './snapshot.ts';
import { chainConstants } from './state/constants.ts';

const INTERVAL_MS = 600_000;
const RETRY_MS = 60_000;

/** Blocks that the watch reads at; `final` is read for the runtime's code. */
export interface WatchedChain {
  best: { header: Header; context: BlockContext };
  final: BlockContext;
  constants: ChainConstants;
}

/** What a look at the runtime found. */
export interface RuntimeNews {
  facts: RuntimeFacts;
  /** Constants in force other than those that the chain is verified by; none: nothing to do. */
  differing: (keyof ChainConstants)[];
}

export class RuntimeWatch {
  /** Null until a source described the runtime. */
  facts: RuntimeFacts | null = null;
  /** What is wrong with the rules, or null. */
  cause: ChainCause | null = null;
  /** When the runtime is read next, by the clock that nobody sets. */
  private due = 0;
  /** Blocks so far that put another runtime into force. */
  private upgrades = 0;
  /** Sources that could not tell, and until when they are not asked; peers never can. */
  private readonly resting = new WeakMap<ChainSource, number>();

  /**
   * @param preset Whether constants come with the app instead of from a source.
   * @param pool Runs the runtime's code.
   */
  constructor(
    private readonly preset: boolean,
    private readonly pool: ComputePool,
    private readonly memory: RuntimeMemory,
    private readonly clocks: Clocks,
    private readonly log: (line: string) => void,
  ) {}

  /** Whether the runtime is to be read, and from this source. */
  isDue(source: ChainSource): boolean {
    return this.clocks.elapsed() >= Math.max(this.due, this.resting.get(source) ?? 0);
  }

  /** A block put another runtime into force. */
  upgraded(): void {
    this.due = 0;
    this.upgrades += 1;
  }

  /** The next look is due in a minute already. */
  lookAgain(): void {
    this.due = Math.min(this.due, this.clocks.elapsed() + RETRY_MS);
  }

  /**
   * Reads the runtime of the best block. Null: there is nothing to read yet, or the source keeps no state.
   *
   * @param others Sources whose word is compared where nothing can be proven.
   * @throws ProtocolError (rule `runtime-metadata`, `runtime-code`, `storage-proof`) for a lie, and what the source rejects with.
   */
  async look(
    source: ChainSource,
    others: readonly ChainSource[],
    chain: WatchedChain,
    signal?: AbortSignal,
  ): Promise<RuntimeNews | null> {
    const { context, header } = chain.best;
    // The genesis state knows no time, and a block that changes the runtime still ran the one before.
    if (context.number === 0 || upgradesRuntime(header)) return null;
    this.due = this.clocks.elapsed() + RETRY_MS;
    const { upgrades } = this;
    let facts: RuntimeFacts;
    try {
      const known = this.facts ?? (await this.remembered(source, chain.final, signal));
      facts = await readRuntime(source, context, known, signal);
      if (facts.provenance.kind === 'told' || facts.specVersion !== known?.specVersion)
        facts = await this.bornOut(facts, source, others, chain, signal);
      if (facts.provenance.kind === 'proven') facts = await withDepth(facts, source, context, signal);
    } catch (error) {
      // The next source is asked at once.
      this.due = 0;
      if (!(error instanceof RpcError)) throw error;
      // One that keeps no state is no liar, and may tell later.
      this.resting.set(source, this.clocks.elapsed() + RETRY_MS);
      return null;
    }
    // What is read is the runtime before where a block changed it meanwhile.
    this.due = upgrades === this.upgrades ? this.clocks.elapsed() + INTERVAL_MS : 0;
    if (facts.specVersion !== this.facts?.specVersion)
      this.log(`runtime version ${facts.specVersion}, ${facts.provenance.kind}, read from ${facts.source}`);
    this.facts = facts;
    const differing = differingConstants(chain.constants, facts.constants);
    this.cause = this.causeOf(facts, differing);
    return { facts, differing };
  }

  private async remembered(
    source: ChainSource,
    final: BlockContext,
    signal?: AbortSignal,
  ): Promise<RuntimeFacts | null> {
    const metadata = await this.memory.recall(source, final, signal);
    return metadata && factsOf(metadata, final.number, source);
  }

  private async bornOut(
    facts: RuntimeFacts,
    source: ChainSource,
    others: readonly ChainSource[],
    { best, final }: WatchedChain,
    signal?: AbortSignal,
  ): Promise<RuntimeFacts> {
    const proven = await provenMetadata(this.pool, source, final, facts, signal);
    if (proven === null)
      return { ...facts, provenance: await compareMetadata(others, best.context, source, signal) };
    const { metadata, bytes, codeHash } = proven;
    if (codeHash !== null) void this.memory.keep(codeHash, bytes);
    const constants = chainConstants(metadata);
    return { ...facts, metadata, constants, provenance: { kind: 'proven', atBlock: final.number } };
  }

  private causeOf(facts: RuntimeFacts, differing: readonly string[]): ChainCause | null {
    const { specVersion: version, provenance } = facts;
    const cause = (code: string, sentence: string, action: string | null): ChainCause =>
      this.cause?.code === code ? this.cause : { code, sentence, action, since: this.clocks.now() };
    if (differing.length > 0 && this.preset && provenance.kind === 'told') {
      const sentence = `By the nodes’ word the network’s rules changed with version ${version} (${differing.join(', ')}). They are taken over once they are proven; until then this app goes by those before.`;
      return cause('rules-changed', sentence, 'Update the app if this stays');
    }
    if (provenance.kind === 'told' && provenance.disputedBy.length > 0) {
      const sentence = `The nodes describe the network’s rules differently: ${provenance.by.join(', ')} in one way, ${provenance.disputedBy.join(', ')} in another. One of them is wrong, and nothing proves which.`;
      return cause('rules-disputed', sentence, 'Choose the nodes');
    }
    return null;
  }

  /** What is shown of the rules in force; null until a source described them. */
  view(): RulesView | null {
    const { facts } = this;
    if (facts === null) return null;
    return { specVersion: facts.specVersion, preset: this.preset, provenance: facts.provenance };
  }
}
