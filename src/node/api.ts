/**
 * What the page sees of the node: snapshots that it draws and commands that it sends. Everything here is
 * structured-cloneable, byte strings are lower-case hex without prefix, 64-bit integers decimal strings, so
 * that a snapshot crosses worker and tab borders as it is. Times are milliseconds since the epoch.
 */

/** A value that a proof stands behind, or one that somebody merely told. */
export type Trust = { kind: 'verified'; atBlock: number } | { kind: 'reported'; by: string };

/** What is wrong, in a sentence, and what the person can do about it. */
export interface Cause {
  code: string;
  sentence: string;
  /** The next action, as a button would say it; null when the node recovers by itself. */
  action: string | null;
  since: number;
}

export type NetworkId = 'local' | 'chronos' | 'mainnet' | 'custom';

export interface NetworkChoice {
  id: NetworkId;
  name: string;
  /** WebSocket endpoints of nodes, e.g. `ws://127.0.0.1:9944`. */
  endpoints: string[];
  /** Hex; null: trust what the first source says and keep to it from then on. */
  genesisHash: string | null;
  tokenSymbol: string;
}

export interface Setup {
  network: NetworkChoice;
  farm: FarmSetup | null;
  /** Cores the person allows, 1..hardware concurrency. */
  cores: number;
  /** Share of checkpoints verified: every one, or this many of the eight per slot drawn at random. */
  potBudget: PotBudget;
}

export interface FarmSetup {
  /** Bytes the farm may take. */
  allocatedBytes: number;
  /** SS58 address that rewards are paid to; null: the farm's own account. */
  rewardAddress: string | null;
}

export type PotBudget = { mode: 'full' } | { mode: 'sampled'; checkpointsPerSlot: number };

export interface MachineInfo {
  cores: number;
  crossOriginIsolated: boolean;
  storage: 'opfs' | 'none';
  quotaBytes: number | null;
  usedBytes: number | null;
  persisted: boolean;
  /** Capabilities that are missing here, each with what it costs the person. */
  missing: { capability: string; consequence: string }[];
}

export type ChainPhase = 'offline' | 'connecting' | 'syncing' | 'following' | 'stalled' | 'refused';

export interface SourceStatus {
  url: string;
  state: 'connecting' | 'connected' | 'waiting' | 'dropped';
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
  /** Whether this tab's farmer won it. */
  own: boolean;
  solutionRange: string;
  final: boolean;
  onBestChain: boolean;
  /** Each rule that was checked, with how long it took. */
  checks: { rule: string; ms: number }[];
  pot: 'full' | 'sampled' | 'helper' | 'stored';
  receivedAt: number;
}

export interface RefusalView {
  at: number;
  source: string;
  number: number | null;
  hash: string | null;
  rule: string;
  sentence: string;
}

export interface ChainView {
  phase: ChainPhase;
  cause: Cause | null;
  genesisHash: string | null;
  best: { number: number; hash: string; slot: string; weight: string } | null;
  finalized: { number: number; hash: string } | null;
  /** Number of the newest header that a source announced; reported until verified. */
  target: number | null;
  verifiedFromGenesis: boolean;
  headersPerSecond: number;
  sources: SourceStatus[];
  /** Newest first. */
  blocks: BlockView[];
  forks: { hash: string; number: number; length: number; weight: string }[];
  refusals: RefusalView[];
  pot: {
    mode: PotBudget['mode'];
    slotsVerified: number;
    iterationsPerSecond: number;
    /** Probability that a chain with a tenth of its slots forged would have passed. */
    soundness: number;
    walker: string;
  };
  solutionRange: string | null;
  historySize: string | null;
  slotDurationMs: number | null;
  confirmationDepthK: number | null;
  reorgs: { at: number; depth: number; from: string; to: string }[];
}

export type SectorState =
  'planned' | 'downloading' | 'encoding' | 'writing' | 'plotted' | 'expiring' | 'expired' | 'broken';

export interface SectorView {
  index: number;
  state: SectorState;
  /** 0..1 of the plotting under way. */
  progress: number;
  historySize: string | null;
  pieces: number;
  error: string | null;
}

export type FarmPhase = 'off' | 'starting' | 'plotting' | 'farming' | 'paused' | 'failed';

export interface SlotOutcome {
  slot: string;
  at: number;
  outcome: 'nothing' | 'proving' | 'submitted' | 'won-block' | 'won-vote' | 'missed' | 'rejected';
  /** Milliseconds of each step that happened. */
  auditMs: number | null;
  proveMs: number | null;
  submitMs: number | null;
  reason: string | null;
  sector: number | null;
}

export interface FarmView {
  phase: FarmPhase;
  cause: Cause | null;
  publicKey: string | null;
  rewardAddress: string | null;
  place: string;
  allocatedBytes: number;
  usedBytes: number;
  piecesInSector: number | null;
  sectors: SectorView[];
  plotting: {
    sector: number;
    stage: string;
    piecesDone: number;
    piecesTotal: number;
    bytesPerSecond: number;
    etaSeconds: number | null;
  } | null;
  slots: { audited: number; missed: number; lastAuditMs: number | null; medianAuditMs: number | null };
  proofs: {
    made: number;
    accepted: number;
    late: number;
    medianMs: number | null;
    deadlineMs: number | null;
  };
  rewards: { blocks: number; votes: number };
  /** Newest first. */
  history: SlotOutcome[];
  /** Longest the tab was found asleep, and when. */
  sleep: { at: number; ms: number } | null;
}

export interface Notice {
  id: number;
  at: number;
  level: 'info' | 'success' | 'warning' | 'error';
  category: 'chain' | 'farm' | 'reward' | 'storage' | 'node';
  text: string;
}

export interface NodeSnapshot {
  /** `viewer`: another tab of this browser runs the node and this one shows it. */
  role: 'starting' | 'leader' | 'viewer';
  /** Null until the first-run choices are made. */
  setup: Setup | null;
  machine: MachineInfo;
  chain: ChainView | null;
  farm: FarmView | null;
  /** Newest first. */
  notices: Notice[];
  /** Set when the node itself could not start. */
  failure: Cause | null;
}

/** What the network a person is about to choose says of itself, before anything is verified. */
export interface NetworkProbe {
  endpoint: string;
  reachable: boolean;
  genesisHash: string | null;
  chainName: string | null;
  best: number | null;
  maxPiecesInSector: number | null;
  historySize: string | null;
  sectorBytes: number | null;
  error: string | null;
}

export interface AccountBalance {
  address: string;
  free: string;
  reserved: string;
  nonce: number;
  trust: Trust;
}

/** Commands of the page. Each rejects with an `Error` whose message is a sentence for the person. */
export interface NodeApi {
  /** Calls `listener` with the present snapshot at once and then at most a few times a second. */
  subscribe(listener: (snapshot: NodeSnapshot) => void): Promise<void>;
  probe(endpoint: string): Promise<NetworkProbe>;
  /** Saves the first-run choices and starts the node with them. */
  start(setup: Setup): Promise<void>;
  /** Changes cores, budget, space or reward address while running. */
  change(part: Partial<Setup>): Promise<void>;
  pauseFarm(): Promise<void>;
  resumeFarm(): Promise<void>;
  /** Verifies every byte of every sector; broken ones are named and plotted again. */
  scrub(): Promise<void>;
  /** Removes the farm's sectors. The identity stays. */
  removeFarm(): Promise<void>;
  /** `identity.bin` of the farmer's key, as the native farmer keeps it. */
  exportIdentity(): Promise<Uint8Array>;
  importIdentity(identity: Uint8Array): Promise<void>;
  /** Balance of an SS58 address or of the reward account, proven against the verified head. */
  balance(address: string): Promise<AccountBalance>;
  /** Log lines of this session, oldest first, free of secrets. */
  logs(): Promise<string[]>;
  /** Forgets chain, farm and choices of this browser. */
  reset(): Promise<void>;
  /** Asks for the node to run in this tab instead of the one that runs it now. */
  takeOver(): Promise<void>;
}
