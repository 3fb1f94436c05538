/**
 * What the page sees of the node: snapshots that it draws and commands that it sends. Everything here is
 * structured-cloneable, byte strings are lower-case hex without prefix, 64-bit integers decimal strings, so
 * that a snapshot crosses worker and tab borders as it is. Times are milliseconds since the epoch.
 */

import type { ChainSnapshot } from '../chain/snapshot.ts';
import type { PotBudget } from '../crypto/pot-budget.ts';
import type { TablesView } from '../crypto/table-pool.ts';
import type { FolderContents } from '../farm/description.ts';
import type { FarmSnapshot, SlotOutcome } from '../farm/snapshot.ts';
import type { Notation, Token } from '../protocol/notation.ts';
import type { FarmRecord } from '../storage/store.ts';
import type { Cause } from './causes.ts';
import type { ObjectRequest } from './object-ports.ts';
import type { Conditions, Schedule } from './schedule.ts';
import type { TimekeepingView } from './keep-time.ts';
import type { ClusterRoles, ClusterView, JoinRequest } from './cluster.ts';
import type { HelperView } from './helper.ts';
import type { PackedSnapshot } from './sector-wire.ts';

export type { BlockView, RefusalView, SourceStatus } from '../chain/snapshot.ts';
export type { PotBudget } from '../crypto/pot-budget.ts';
export type { TablesView } from '../crypto/table-pool.ts';
export type { FolderContents } from '../farm/description.ts';
export type { Cause } from './causes.ts';
export type { TimekeepingView } from './keep-time.ts';
export type { ClusterView, JoinRequest } from './cluster.ts';
export type { HelperView } from './helper.ts';
export type { SectorSnapshot, SectorState, SlotOutcome } from '../farm/snapshot.ts';
export type { Conditions, Schedule } from './schedule.ts';

/** A value that a proof stands behind, or one that somebody merely told. */
export type Trust = { kind: 'verified'; atBlock: number } | { kind: 'reported'; by: string };

export type NetworkId = 'local' | 'chronos' | 'mainnet' | 'custom';

export interface NetworkChoice {
  id: NetworkId;
  name: string;
  /** WebSocket endpoints of nodes, e.g. `ws://127.0.0.1:9944`. */
  endpoints: string[];
  /** WebSocket endpoints of nodes of its Auto ID domain; left out: the first node's host, one port above. */
  domainEndpoints?: string[];
  /** Hex; null: trust what the first source says and keep to it from then on. */
  genesisHash: string | null;
}

/** Where a chain of which nothing is kept begins; `text`: a checkpoint as people pass it on. */
export type BeginSetup =
  { kind: 'auto' } | { kind: 'genesis' } | { kind: 'examine' } | { kind: 'checkpoint'; text: string };

export interface Setup {
  network: NetworkChoice;
  /** Left out: by the length of the chain. */
  begin?: BeginSetup;
  farm: FarmSetup | null;
  /** Cores the person allows, 1..hardware concurrency. */
  cores: number;
  /** Share of checkpoints verified: every one, or this many of the eight per slot drawn at random. */
  potBudget: PotBudget;
  /** When plotting may use the machine; left out: always. */
  schedule?: Schedule;
}

export interface FarmSetup {
  /** Bytes the first farm, in the browser's or program's own place, may take; 0: there is none. */
  allocatedBytes: number;
  /** SS58 address that rewards of all farms are paid to; null: the account of the browser's farmer key. */
  rewardAddress: string | null;
}

/** A place for a farm, or for files of the native farmer. `own`: the browser's or the program's own storage. */
export type FarmPlace =
  { kind: 'picked'; handle: FileSystemDirectoryHandle } | { kind: 'folder'; path: string } | { kind: 'own' };

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

/** One farm; those that are not open have no sectors to show. */
export interface FarmView extends Omit<FarmSnapshot, 'piecesInSector'> {
  id: string;
  kind: FarmRecord['kind'];
  name: string;
  /** Whether it is a farm of the native farmer, which is only read. */
  readOnly: boolean;
  piecesInSector: number | null;
  /** Checking, import or export under way, or what came of the last. */
  task: FarmTaskView | null;
}

export interface FarmTaskView {
  kind: 'check' | 'import' | 'export';
  /** Sectors. */
  done: number;
  total: number;
  /** A sentence, once it is over. */
  outcome: string | null;
  failed: boolean;
}

/** What came of a slot, and whose it was. */
export interface FarmHistoryEntry extends SlotOutcome {
  /** Id of the farm. */
  farm: string;
}

export interface Notice {
  id: number;
  at: number;
  level: 'info' | 'success' | 'warning' | 'error';
  category: 'chain' | 'farm' | 'reward' | 'missed' | 'storage' | 'device' | 'node' | 'payment';
  text: string;
}

export interface NodeSnapshot {
  /** `viewer`: another tab of this browser runs the node and this one shows it. */
  role: 'starting' | 'leader' | 'viewer';
  /** Null until the first-run choices are made. */
  setup: Setup | null;
  /** How the network writes amounts and addresses. */
  notation: Notation;
  machine: MachineInfo;
  chain: ChainView | null;
  /** In the order in which they were added; empty when nothing is farmed. */
  farms: FarmView[];
  /** SS58 address that rewards of all farms are paid to; null while the farmer's key is not known. */
  rewardAddress: string | null;
  /** The person's native helper that verifies proofs of time. */
  helper: HelperView;
  /** Who makes the proof-of-space tables of what this tab encodes. */
  tables: TablesView;
  /** This tab as the timekeeper of a local network. */
  timekeeping: TimekeepingView;
  /** The farming cluster that was joined; null: none was. */
  cluster: ClusterView | null;
  /** Newest first. */
  notices: Notice[];
  /** Set when the node itself could not start. */
  failure: Cause | null;
}

/** What an estimate of rewards rests on. */
export interface RewardFigures {
  solutionRange: string;
  slotProbability: [string, string];
  slotDurationMs: number;
  expectedVotesPerBlock: number;
  /** What an empty block pays its author, and a vote its voter and the block's author together; smallest unit. */
  block: string;
  vote: string;
}

export interface RewardRates extends RewardFigures {
  trust: Trust;
}

/** What the network a person is about to choose says of itself, before anything is verified. */
export interface NetworkProbe {
  endpoint: string;
  reachable: boolean;
  /** Whether one that is not reachable may be so later; its address itself may be wrong. */
  mayAnswer: boolean;
  genesisHash: string | null;
  chainName: string | null;
  best: number | null;
  maxPiecesInSector: number | null;
  historySize: string | null;
  /** Size of a sector's file. */
  sectorBytes: number | null;
  /** What an estimate of rewards rests on; null where the node does not tell. */
  figures: RewardFigures | null;
  /** Null where the node does not tell. */
  token: Token | null;
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
  subscribe(listener: (snapshot: PackedSnapshot) => void): Promise<void>;
  /** Resolves as soon as this tab's worker gets to it: a sign of life. */
  alive(): Promise<void>;
  probe(endpoint: string): Promise<NetworkProbe>;
  /** Saves the first-run choices and starts the node with them. */
  start(setup: Setup): Promise<void>;
  /**
   * Changes cores, budget, space or reward address while running. Another network or another beginning starts the
   * chain anew; for another beginning, the verified chain is forgotten first.
   */
  change(part: Partial<Setup>): Promise<void>;
  /** What lies in a folder that the person thinks of. */
  inspectFolder(place: FarmPlace): Promise<FolderContents>;
  /** Adds a farm in a folder; returns its id. */
  addFarm(place: FarmPlace, allocatedBytes: number): Promise<string>;
  /** Gives a farm more or less space. */
  resizeFarm(id: string, allocatedBytes: number): Promise<void>;
  /** Stops plotting of a farm, or of all. */
  pauseFarm(id?: string): Promise<void>;
  /** Plots again; opens a farm that could not be opened, say for want of access. */
  resumeFarm(id?: string): Promise<void>;
  /** Begins to verify every byte of every sector; broken ones are named and, but in a dry run, plotted again. */
  scrub(id?: string, dryRun?: boolean): Promise<void>;
  /** Begins to copy a farm of the native farmer into a new one; returns its id. */
  importFarm(from: FarmPlace, to: FarmPlace): Promise<string>;
  /** Farms a farm of the native farmer where it lies, without writing to it; returns its id. */
  farmNative(place: FarmPlace): Promise<string>;
  /** Begins to write a farm as files of the native farmer. */
  exportFarm(to: FarmPlace, id?: string): Promise<void>;
  /** Goes on with a farm whose folder lies elsewhere now. */
  moveFarm(id: string, to: FarmPlace): Promise<void>;
  /** Stops the task of a farm. */
  cancelTask(id: string): Promise<void>;
  /** Handle of a farm's picked folder, with which the page asks for access. */
  farmHandle(id: string): Promise<FileSystemDirectoryHandle | null>;
  /** Forgets a farm; its sectors and its own key are deleted unless they are to be kept. */
  removeFarm(id?: string, keepFiles?: boolean): Promise<void>;
  /** What came of slots in this run and earlier ones, newest first. */
  farmHistory(limit: number): Promise<FarmHistoryEntry[]>;
  /** Seconds from one encoded piece to the next with so many cores, measured now. */
  benchmark(cores: number): Promise<number>;
  /** The page tells what it sees of the machine; what is left out stays as it was. */
  report(conditions: Partial<Conditions>): Promise<void>;
  /** The page tells that it was frozen for so long, closed to save memory, or restarted because its worker had died. */
  asleep(how: 'frozen' | 'discarded' | 'restarted', ms: number): Promise<void>;
  /** `identity.bin` of a farm's key, or of the browser's, as the native farmer keeps it. */
  exportIdentity(id?: string): Promise<Uint8Array>;
  importIdentity(identity: Uint8Array): Promise<void>;
  /** Balance of an SS58 address or of the reward account, proven against the verified head. */
  balance(address: string): Promise<AccountBalance>;
  /** What the network pays and how often, as the verified head and a storage proof have it. */
  rewards(): Promise<RewardRates>;
  /** A command of the wallet, by name; `WalletCommands` of `desk.ts` types it. */
  wallet(name: string, input?: unknown): Promise<unknown>;
  /** A command about payments, stakes and the accounts' history, by name; `MoneyCommands` of `money.ts` types it. */
  money(name: string, input?: unknown): Promise<unknown>;
  /** A command about objects of the storage network, by name; `ObjectCommands` of `objects.ts` types it. */
  objects(name: string, input?: unknown): Promise<unknown>;
  /** A command of identities, by name; `IdentityCommands` of `desk.ts` types it. */
  identities(name: string, input?: unknown): Promise<unknown>;
  /** Uses the native helper on a port of this machine, paired by the code that it printed. */
  pairHelper(port: number, code: string): Promise<void>;
  /** Tries a helper again that was put off. */
  retryHelper(): Promise<void>;
  /** Lets the paired helper plot too, or only keep time. */
  setHelperPlots(plots: boolean): Promise<void>;
  forgetHelper(): Promise<void>;
  /** Lets this tab walk the proof of time of the local network, or ends that. */
  keepTime(on: boolean): Promise<void>;
  /** Joins a farming cluster. Credentials go into the wallet if it is open, else they last as long as this tab. */
  joinCluster(request: JoinRequest): Promise<void>;
  /** Changes what the tab does for the cluster it is in. */
  setClusterRoles(roles: ClusterRoles): Promise<void>;
  /** Joins again now, e.g. after the wallet was unlocked. */
  retryCluster(): Promise<void>;
  /** Leaves the cluster and forgets it. */
  leaveCluster(): Promise<void>;
  /** Log lines of this session, oldest first, free of secrets. */
  logs(): Promise<string[]>;
  /** Forgets chain, farm and choices of this browser. */
  reset(): Promise<void>;
  /** Answers a request of the service worker for an object, if the node runs in this tab. */
  serveObject(request: ObjectRequest, port: MessagePort): Promise<void>;
  /** Lends the worker what only pages have: WebRTC, over a port; see `lent-rtc.ts`. */
  lendWebRtc(port: MessagePort): Promise<void>;
  /** Asks for the node to run in this tab instead of the one that runs it now. */
  takeOver(): Promise<void>;
}
