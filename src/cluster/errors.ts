export type ClusterErrorCode =
  | 'unreachable'
  | 'refused'
  | 'payload-limit'
  | 'too-large'
  | 'nobody'
  | 'silence'
  | 'malformed'
  | 'failed'
  | 'occupied'
  | 'wrong-sector'
  | 'identity-taken'
  | 'credentials'
  | 'memory'
  | 'other-network'
  | 'closed';

/** A failure among the members of a cluster: `code` for programs, `sentence` for the person. */
export class ClusterError extends Error {
  readonly code: ClusterErrorCode;
  readonly sentence: string;

  constructor(code: ClusterErrorCode, message: string, sentence: string, cause?: unknown) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause });
    this.name = 'ClusterError';
    this.code = code;
    this.sentence = sentence;
  }
}
