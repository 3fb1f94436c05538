/** What a farm tells the screen: structured-cloneable, 64-bit integers as decimal strings, small. */

export type SectorState =
  'planned' | 'downloading' | 'encoding' | 'writing' | 'plotted' | 'expiring' | 'expired' | 'broken';

/** What is being done of a sector that is plotted. */
export type PlotStage = 'downloading' | 'encoding' | 'writing';

export interface SectorSnapshot {
  index: number;
  state: SectorState;
  /** 0..1 of the plotting under way. */
  progress: number;
  historySize: string | null;
  pieces: number;
  error: string | null;
}

/** What is wrong, in a sentence, and what the person can do about it. */
export interface FarmCause {
  code: string;
  sentence: string;
  /** Null when the farm recovers by itself. */
  action: string | null;
  /** Milliseconds since the epoch. */
  since: number;
}

/** `waiting`: there is something to plot, and a reason why it is not plotted now. */
export type FarmPhase = 'starting' | 'plotting' | 'farming' | 'waiting' | 'paused' | 'failed';

export type Outcome = 'nothing' | 'proving' | 'submitted' | 'won-block' | 'won-vote' | 'missed' | 'rejected';

/** What came of one slot. Milliseconds are null for steps that did not happen. */
export interface SlotOutcome {
  slot: string;
  /** Milliseconds since the epoch. */
  at: number;
  outcome: Outcome;
  auditMs: number | null;
  proveMs: number | null;
  submitMs: number | null;
  reason: string | null;
  sector: number | null;
}

/** Who encodes a sector: this program, a native helper of the person, or a plotter of a cluster. */
export type PlottedBy = 'tab' | 'helper' | 'cluster';

export interface PlottingSnapshot {
  sector: number;
  stage: PlotStage;
  by: PlottedBy;
  /** At the pace of the sector under way; null before the first. */
  piecesPerMinute: number | null;
  piecesDone: number;
  piecesTotal: number;
  /** Of the sector under way, downloads included. */
  bytesPerSecond: number;
  /** Median of whole sectors; null before the first. */
  secondsPerSector: number | null;
  /** Until every sector is plotted; null while nothing is known. */
  etaSeconds: number | null;
}

export interface FarmSnapshot {
  phase: FarmPhase;
  cause: FarmCause | null;
  /** Hex. */
  publicKey: string;
  place: string;
  allocatedBytes: number;
  usedBytes: number;
  piecesInSector: number;
  sectors: SectorSnapshot[];
  plotting: PlottingSnapshot | null;
  /** Why plotting waits, in a sentence, when nobody paused it. */
  held: string | null;
  slots: { audited: number; missed: number; lastAuditMs: number | null; medianAuditMs: number | null };
  proofs: {
    /** Winning slots that are being proven, and solutions whose signature may yet be asked for. */
    underWay: number;
    made: number;
    accepted: number;
    late: number;
    rejected: number;
    medianMs: number | null;
    deadlineMs: number | null;
  };
  /** Rewards signed. */
  rewards: { blocks: number; votes: number };
  /** Newest first, slots in which nothing was found left out. */
  history: SlotOutcome[];
  /** How often and how long the program was found asleep, and when longest; null: never. */
  sleep: SleepSnapshot | null;
}

/** What a farm counts; one that is opened again goes on with it. */
export interface FarmCounts {
  audited: number;
  missed: number;
  made: number;
  accepted: number;
  late: number;
  rejected: number;
  blocks: number;
  votes: number;
}

/** Counts of a farm that has done nothing yet. */
export function noCounts(): FarmCounts {
  return { audited: 0, missed: 0, made: 0, accepted: 0, late: 0, rejected: 0, blocks: 0, votes: 0 };
}

export interface SleepSnapshot {
  times: number;
  totalMs: number;
  longestMs: number;
  /** Slots that went by meanwhile. */
  missed: number;
  /** When the longest began, milliseconds since the epoch. */
  longestAt: number;
}

export interface FarmNotice {
  level: 'info' | 'success' | 'warning' | 'error';
  /** `missed`: a reward that could have been won; `device`: what every farm on it says alike. */
  category: 'farm' | 'reward' | 'missed' | 'storage' | 'device';
  text: string;
}
