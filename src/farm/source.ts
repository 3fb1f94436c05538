/** What a farm needs from the network, as narrow as possible; nodes, peers and tests provide it. */
import { segmentOfPiece } from '../protocol/segment.ts';
import type {
  FarmerAppInfo,
  FarmerProtocolInfo,
  HistorySize,
  PieceIndex,
  RewardSigningInfo,
  SegmentIndex,
  SlotInfo,
  SlotNumber,
  Solution,
} from '../protocol/types.ts';
import { FarmError } from './errors.ts';

/** Where pieces come from. Nothing it says is believed: pieces are verified against verified commitments. */
export interface PieceSource {
  /** What to call it in messages, e.g. its address. */
  readonly name: string;
  /** 1048672 bytes, or null when it does not have the piece. */
  piece(index: PieceIndex, signal: AbortSignal): Promise<Uint8Array | null>;
  /** Is told that what it gave for an index is another piece, where it has the piece from more than one place. */
  refused?(index: PieceIndex): void;
}

/** What decides which pieces a sector holds and how long. */
export type SectorRules = Omit<FarmerProtocolInfo, 'historySize'>;

/**
 * Compares what a node says of sectors with the verified chain: sectors plotted by other rules win nothing.
 *
 * @throws FarmError `other-rules`.
 */
export function requireRules(told: SectorRules, history: VerifiedHistory): void {
  const known = history.constants?.() ?? null;
  if (known === null) return;
  const names: (keyof SectorRules)[] = [
    'maxPiecesInSector',
    'recentSegments',
    'recentHistoryFraction',
    'minSectorLifetime',
  ];
  const differing = names.filter((name) => String(told[name]) !== String(known[name]));
  if (differing.length === 0) return;
  const values = differing
    .map((name) => `${name} ${String(told[name])}, not ${String(known[name])}`)
    .join('; ');
  throw new FarmError({
    code: 'other-rules',
    message: values,
    sentence: `The node describes sectors otherwise than the verified chain does (${values}). Plotted so, they would win nothing.`,
    action: 'Try again',
  });
}

/** The archived history as the verified chain has it. */
export interface VerifiedHistory {
  /** Segments archived, at least 1. */
  historySize(): HistorySize;
  /** The chain's constants; null while they are not known, left out where nobody verifies them. */
  constants?(): SectorRules | null;
  /** 48 bytes, or null while that segment is not part of the verified chain. */
  segmentCommitment(segment: SegmentIndex): Uint8Array | null;
  /** Calls `listener` after every change; returns what stops that. */
  onChange(listener: () => void): () => void;
}

/**
 * The commitment (48 bytes) of the segment that a piece belongs to.
 *
 * @throws FarmError `piece-unavailable` while that segment is not part of the verified chain.
 */
export function commitmentFor(index: PieceIndex, history: VerifiedHistory): Uint8Array {
  const segment = segmentOfPiece(index);
  const commitment = history.segmentCommitment(segment);
  if (commitment !== null) return commitment;
  throw new FarmError({
    code: 'piece-unavailable',
    message: `segment ${segment} is not part of the verified chain (any more)`,
    sentence: 'The chain changed while a sector was being plotted. It will be planned again.',
  });
}

/** The node that authors with this farm's solutions. */
export interface AuthoringNode {
  appInfo(): Promise<FarmerAppInfo>;
  /** Every slot as it begins; returns what stops that. */
  onSlot(listener: (slot: SlotInfo) => void): () => void;
  /** Hashes to sign for solutions of any farmer; returns what stops that. */
  onRewardSigning(listener: (request: RewardSigningInfo) => void): () => void;
  /** Rejects with `code` 9001 in the error when the solution came too late. */
  submitSolution(slot: SlotNumber, solution: Solution): Promise<void>;
  /** `signature`: 64 bytes. */
  submitRewardSignature(hash: Uint8Array, signature: Uint8Array): Promise<void>;
}
