export type DsnErrorCode =
  /** The peer closed the stream without an answer: it does not have what was asked for, or will not tell. */
  | 'refused'
  /** The peer sent something that its protocol does not allow. */
  | 'malformed'
  | 'timeout'
  /** No connection to the peer. */
  | 'unreachable'
  /** The peer belongs to another network, or speaks none of the protocols. */
  | 'other-network'
  /** The peer sent wrong data before and is not spoken to any more. */
  | 'banned';

/** A failure of one peer: `code` for programs, `sentence` for the person. */
export class DsnError extends Error {
  readonly code: DsnErrorCode;
  readonly sentence: string;
  /** Text of the peer's id or address. */
  readonly peer: string;

  constructor(code: DsnErrorCode, peer: string, message: string, cause?: unknown) {
    super(`${code}: ${peer}: ${message}`, cause === undefined ? undefined : { cause });
    this.name = 'DsnError';
    this.code = code;
    this.peer = peer;
    this.sentence = SENTENCES[code];
  }
}

const SENTENCES: Record<DsnErrorCode, string> = {
  refused: 'A peer did not answer the question.',
  malformed: 'A peer sent data that the network’s rules do not allow.',
  timeout: 'A peer did not answer in time.',
  unreachable: 'A peer cannot be reached.',
  'other-network': 'A peer belongs to another network.',
  banned: 'A peer sent wrong data before and is not asked any more.',
};
