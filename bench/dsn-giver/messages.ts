/** What the giver of pieces and the benchmark say to each other. */

/** How the file is stored. */
export interface GiverOrder {
  /** Bytes of content. */
  bytes: number;
  /** Encrypts it with this password, after compressing it; null stores it as it is. */
  password: string | null;
  /** Whether the segment is full of copies of the file's first record, to be looked through: cheap to commit to. */
  filled?: boolean;
}

/** The stored file; byte strings in hex, the piece's index in decimal. */
export interface GiverReady {
  addresses: string[];
  cid: string;
  hash: string;
  pieceIndex: string;
  offset: number;
  segmentCommitment: string;
  /** Pieces that it lies in, from piece 0 on. */
  pieces: number;
  /** Where in raw history its stored bytes lie, in their order. */
  parts: { at: number; length: number }[];
}
