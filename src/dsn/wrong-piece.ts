/** What follows when a peer sent a wrong piece. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bool, bytes, struct, u64 } from '../protocol/codec.ts';
import type { DsnProtocol } from '../protocol/dsn.ts';
import type { PieceIndex } from '../protocol/types.ts';
import type { DsnPeer } from './peer.ts';

interface WrongPiece {
  pieceIndex: PieceIndex;
  /** SHA-256 of what came, 32 bytes. */
  sum: Uint8Array;
}

/**
 * This project's own: tells a gateway that a piece from it was wrong, so that it forgets the piece and asks others before
 * whoever gave it. The answer says whether it came from there.
 */
export const wrongPiece: DsnProtocol<WrongPiece, boolean> = {
  name: '/allotment/wrong-piece/0.1.0',
  request: struct<WrongPiece>({ pieceIndex: u64, sum: bytes(32) }),
  response: bool,
  maxResponseBytes: 1,
};

/** Bans who sent a wrong piece, and tells the person's own gateway, which is only put aside, what was wrong. */
export function blame(peer: DsnPeer, sender: string, index: PieceIndex, piece: Uint8Array): void {
  peer.book.ban(sender, `it sent a wrong piece ${index}`);
  if (!peer.book.isGateway(sender)) return;
  const question = { pieceIndex: index, sum: sha256(piece) };
  // One that cannot be told goes by the pause alone.
  peer.request(sender, wrongPiece, question).catch(() => undefined);
}
