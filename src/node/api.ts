/**
 * What the page sees of the node: snapshots that it draws and commands that it sends. Everything here is
 * structured-cloneable, byte strings are lower-case hex without prefix, 64-bit integers decimal strings, so
 * that a snapshot crosses worker and tab borders as it is. Times are milliseconds since the epoch.
 */

import type { ChainCause, ChainSnapshot } from '../chain/snapshot.ts';
import type { PotBudget } from '../crypto/pot-budget.ts';
import type { FarmPhase, FarmSnapshot } from '../farm/snapshot.ts';
import type { TimekeeperView } from './timekeeper.ts';

export type { BlockView, RefusalView, SourceStatus } from '../chain/snapshot.ts';
export type { PotBudget } from '../crypto/pot-budget.ts';
export type { TimekeeperView } from './timekeeper.ts';
export type { SectorSnapshot, SectorState, SlotOutcome } from '../farm/snapshot.ts';

/** A value that a proof stands behind, or one that somebody merely told. */
export type Trust = { kind: 'verified'; atBlock: number } | { kind: 'reported'; by: string };

/** What is wrong, in a sentence, and what the person can do about it. */
export type Cause = ChainCause;

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

export type ChainView = ChainSnapshot;

/** The farm, and where its rewards go. */
export interface FarmView extends Omit<FarmSnapshot, 'phase' | 'piecesInSector'> {
  phase: FarmPhase | 'off';
  piecesInSector: number | null;
  /** SS58; null while the farmer's key is not known. */
  rewardAddress: string | null;
}

export interface Notice {
  id: number;
  at: number;
  level: 'info' | 'success' | 'warning' | 'error';
  category: 'chain' | 'farm' | 'reward' | 'storage' | 'node' | 'payment';
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
  /** The person's native helper that verifies proofs of time. */
  timekeeper: TimekeeperView;
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
  /** Size of a sector's file. */
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
  /** A command of the wallet, by name; `WalletCommands` of `desk.ts` types it. */
  wallet(name: string, input?: unknown): Promise<unknown>;
  /** A command about payments, stakes and the accounts' history, by name; `MoneyCommands` of `money.ts` types it. */
  money(name: string, input?: unknown): Promise<unknown>;
  /** A command of identities, by name; `IdentityCommands` of `desk.ts` types it. */
  identities(name: string, input?: unknown): Promise<unknown>;
  /** Uses the native timekeeper on a port of this machine, paired by the code that it printed. */
  pairTimekeeper(port: number, code: string): Promise<void>;
  /** Tries a timekeeper again that was put off. */
  retryTimekeeper(): Promise<void>;
  forgetTimekeeper(): Promise<void>;
  /** Log lines of this session, oldest first, free of secrets. */
  logs(): Promise<string[]>;
  /** Forgets chain, farm and choices of this browser. */
  reset(): Promise<void>;
  /** Asks for the node to run in this tab instead of the one that runs it now. */
  takeOver(): Promise<void>;
}
