/** What the light client tells the screen: structured-cloneable, 64-bit integers as decimal strings, small. */
import type { PotShare } from '../crypto/pot-budget.ts';
import type { PotStats } from '../crypto/pot-verifier.ts';
import type { Beginning, ExaminationView } from './beginning.ts';
import type { Provenance } from './runtime.ts';

/** What is wrong, in a sentence, and what the person can do about it. */
export interface ChainCause {
  code: string;
  sentence: string;
  /** Null when the client recovers by itself. */
  action: string | null;
  /** Milliseconds since the epoch. */
  since: number;
}

export type ChainPhase = 'offline' | 'connecting' | 'syncing' | 'following' | 'stalled' | 'refused';

export interface SourceStatus {
  url: string;
  state: 'connecting' | 'connected' | 'waiting' | 'dropped';
  /** Number of its best block; reported. */
  best: number | null;
  /** Why it is waiting or dropped, in a sentence. */
  reason: string | null;
}

export interface BlockView {
  number: number;
  hash: string;
  parentHash: string;
  slot: string;
  /** Farmer's public key. */
  author: string;
  rewardAddress: string;
  /** Whether this node's farmer won it. */
  own: boolean;
  solutionRange: string;
  final: boolean;
  onBestChain: boolean;
  /** Each group of rules that was checked, with how long it took. */
  checks: { rule: string; ms: number }[];
  pot: 'full' | 'sampled' | 'helper' | 'stored';
  /** Milliseconds since the epoch. */
  receivedAt: number;
}

export interface RefusalView {
  /** Milliseconds since the epoch. */
  at: number;
  source: string;
  number: number | null;
  hash: string | null;
  rule: string;
  sentence: string;
}

export interface ReorgView {
  /** Milliseconds since the epoch. */
  at: number;
  depth: number;
  from: string;
  to: string;
}

/** The rules in force, and who says so. */
export interface RulesView {
  specVersion: number;
  /** Whether the constants of the rules come with this app. */
  preset: boolean;
  provenance: Provenance;
}

/** The state of the light client at one moment. */
export interface ChainSnapshot {
  phase: ChainPhase;
  cause: ChainCause | null;
  genesisHash: string | null;
  best: {
    number: number;
    hash: string;
    slot: string;
    weight: string;
    /** Milliseconds since the epoch. */
    receivedAt: number;
  } | null;
  finalized: { number: number; hash: string } | null;
  /** Number of the newest header that a source announced; reported until verified. */
  target: number | null;
  /** How the chain was begun; null until it was. */
  beginning: Beginning | null;
  /** What is being examined before anything is shown, or null. */
  examination: ExaminationView | null;
  headersPerSecond: number;
  sources: SourceStatus[];
  /** Newest first. */
  blocks: BlockView[];
  forks: { hash: string; number: number; length: number; weight: string }[];
  /** Newest first. */
  refusals: RefusalView[];
  pot: PotStats & {
    /** How much of the head is verified: all where the machine keeps up, whatever the budget. */
    head: PotShare;
    /** Iterations a second that the network's slots bring; 0 until they are known. */
    due: number;
    /** Newest slot that peers' gossip proved before a block did; null: none. */
    slot: string | null;
  };
  solutionRange: string | null;
  historySize: string | null;
  slotDurationMs: number | null;
  confirmationDepthK: number | null;
  /** Null until a source described the runtime. */
  rules: RulesView | null;
  /** Newest first. */
  reorgs: ReorgView[];
}
