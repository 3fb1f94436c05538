export type NodeErrorCode =
  /** The first-run choices are yet to be made, or the chain is not as far as this takes. */
  | 'too-early'
  /** What the person chose or typed cannot be. */
  | 'choice'
  /** Other work has to end first. */
  | 'busy'
  /** What is asked for is not there. */
  | 'unknown'
  /** More than this node keeps. */
  | 'too-many'
  /** The place is taken. */
  | 'occupied'
  /** Nobody answers, or not as is needed. */
  | 'unreachable'
  /** The browser lacks what everything here rests on. */
  | 'unsupported'
  /** It was begun and did not succeed. */
  | 'failed';

/** What this node cannot do as it was asked: `code` for programs, `sentence` for the person. */
export class NodeError extends Error {
  constructor(
    readonly code: NodeErrorCode,
    readonly sentence: string,
    cause?: unknown,
  ) {
    super(sentence, cause === undefined ? undefined : { cause });
    this.name = 'NodeError';
  }
}
