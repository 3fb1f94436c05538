/** What a farm needs from the network, as narrow as possible; nodes, peers and tests provide it. */
import { segmentOfPiece } from '../protocol/segment.ts';
import type {
  FarmerAppInfo,
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
}

/** The archived history as the verified chain has it. */
export interface VerifiedHistory {
  /** Segments archived, at least 1. */
  historySize(): HistorySize;
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
