/** Learning a network from a source: from its genesis, from a trusted block, or by examining its history. */
import type { PotBudget } from '../crypto/pot-budget.ts';
import { RpcError } from '../network/rpc-error.ts';
import type { ChainSource } from '../network/source.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import type { ChainConstants, Header, SolutionRange } from '../protocol/types.ts';
import type { BeginChoice, Beginning, ExaminationView } from './beginning.ts';
import type { BlockContext } from './block.ts';
import type { TrustedBlock } from './checkpoint-text.ts';
import { UnexaminableHistory } from './eras.ts';
import { examineChain, isExaminable, type ExaminationPolicy } from './examination.ts';
import { genesisContext, knownGenesis } from './genesis.ts';
import { readNetworkFacts, type KnownNetwork } from './network-facts.ts';
import { chainConstants } from './state/constants.ts';
import { readTrusted } from './trusted.ts';
import type { BlockVerifier, VerifiedBlock } from './verifier.ts';

export interface LearnRequest {
  network: KnownNetwork;
  choice: BeginChoice;
  policy: ExaminationPolicy;
  potBudget: PotBudget;
  /** Iterations a second that this machine verifies; 0: not measured yet. */
  potRate: number;
  verifierOf: (constants: ChainConstants) => BlockVerifier;
  patienceMs: number;
  progress: (view: ExaminationView) => void;
  /** Why samples are not asked for any more: no source serves them. */
  withoutSamples: string | null;
  signal: AbortSignal;
}

/** A chain that a client can go on from. */
export interface Learned {
  beginning: Beginning;
  constants: ChainConstants;
  /** 32 bytes. */
  genesisHash: Uint8Array;
  root: { header: Header; context: BlockContext };
  /** Blocks above the root that were verified already, in order. */
  above: VerifiedBlock[];
  /** Claimed work of an examined chain; 0 for others, whose beginning is beyond comparison. */
  work: number;
}

/** A source that cannot be examined though it told no lie: it lacks the calls, or its history has no rule. */
export class CannotExamine extends Error {
  constructor(readonly sentence: string) {
    super(sentence);
    this.name = 'CannotExamine';
  }
}

/**
 * Learns the network from a source that names this genesis hash (32 bytes).
 *
 * @throws ProtocolError or RefusedBlock for a lie, CannotExamine, UnreliableSource, and what the source rejects with.
 */
export async function learn(
  source: ChainSource,
  genesisHash: Uint8Array,
  request: LearnRequest,
): Promise<Learned> {
  const { choice, signal, policy } = request;
  if (choice.kind === 'checkpoint') return learnFromCheckpoint(source, genesisHash, choice.block, request);
  if (choice.kind !== 'genesis' && request.withoutSamples === null) {
    const { number } = await source.bestHeader(signal);
    if (choice.kind === 'examine' || number > policy.threshold) {
      const found = await learnBySamples(source, genesisHash, number, request);
      if (found !== null) return found;
    }
  }
  const { genesis, constants } = await readNetworkFacts(source, request.network, signal);
  const context = genesisContext(genesis);
  return {
    beginning: { kind: 'genesis', reason: request.withoutSamples },
    constants,
    genesisHash: context.hash,
    root: { header: genesis.header, context },
    above: [],
    work: 0,
  };
}

async function learnFromCheckpoint(
  source: ChainSource,
  genesisHash: Uint8Array,
  block: TrustedBlock,
  { network, verifierOf, signal }: LearnRequest,
): Promise<Learned> {
  const { header, context, constants } = await readTrusted(
    source,
    network.constants,
    block,
    verifierOf,
    signal,
  );
  const onChain = await source.hashAt(context.number, signal);
  if (onChain !== null && !equal(onChain, context.hash)) {
    throw new ProtocolError({
      code: 'wrong-checkpoint',
      rule: 'checkpoint',
      message: `the source has block ${toHex(onChain)} at the checkpoint’s number`,
      sentence:
        'The chain that the node follows does not contain the checkpoint: one of the two is of another branch.',
    });
  }
  const beginning = { kind: 'checkpoint' as const, number: context.number, hash: toHex(context.hash) };
  return { beginning, constants, genesisHash, root: { header, context }, above: [], work: 0 };
}

/** Null: the chain is too short to have a history. */
async function learnBySamples(
  source: ChainSource,
  genesisHash: Uint8Array,
  number: number,
  request: LearnRequest,
): Promise<Learned | null> {
  const { network, policy, potBudget, potRate, patienceMs, progress, signal } = request;
  const best = headerHash(await source.bestHeader(signal));
  const constants =
    network.constants ?? chainConstants(RuntimeMetadata.decode(await source.metadata(best, signal)));
  if (!isExaminable(number, constants)) return null;
  try {
    const genesis = await genesisRules(source, genesisHash, request);
    const examined = await examineChain(source, {
      genesisHash,
      constants,
      genesisRange: genesis?.solutionRange ?? null,
      adjusting: genesis?.adjusting ?? false,
      policy,
      verifier: request.verifierOf(constants),
      potBudget,
      potRate,
      patienceMs,
      progress,
      signal,
    });
    return { ...examined, constants, genesisHash };
  } catch (error) {
    if (error instanceof UnexaminableHistory) throw new CannotExamine(error.sentence);
    // A node that refuses a call by its own number knows it and will not answer it.
    if (error instanceof RpcError && typeof error.code === 'number') {
      throw new CannotExamine(
        `The history cannot be judged by samples: ${source.name} does not answer ${error.method}.`,
      );
    }
    throw error;
  }
}

/** What the genesis state says about ranges; null where the source has not kept it. */
async function genesisRules(
  source: ChainSource,
  hash: Uint8Array,
  { network, signal }: LearnRequest,
): Promise<{ solutionRange: SolutionRange; adjusting: boolean } | null> {
  const known = network.genesis ?? knownGenesis(hash);
  if (known !== null) return known;
  try {
    return (await readNetworkFacts(source, network, signal)).genesis;
  } catch (error) {
    if (error instanceof RpcError && typeof error.code === 'number') return null;
    throw error;
  }
}
