/** What went wrong with a call besides the node refusing it. */
export type RpcFailure = 'timeout' | 'disconnected' | 'closed' | 'malformed' | 'oversized' | 'overloaded';

const SENTENCES: Record<RpcFailure, string> = {
  timeout: 'The node did not answer in time.',
  disconnected: 'The connection to the node was lost.',
  closed: 'The connection to the node was closed.',
  malformed: 'The node sent something that is not JSON-RPC.',
  oversized: 'The node sent more than this app accepts in one message.',
  overloaded: 'Too many questions to the node are still unanswered.',
};

/** Code of a node's refusal of a call that it does not know, or does not allow from here. */
export const NO_SUCH_CALL = -32601;

/** Codes of refusals that a person can act on. */
const CODE_SENTENCES: Record<number, string> = {
  [NO_SUCH_CALL]: 'The node does not know this call, or does not allow it from here.',
  [-32602]: 'The node did not accept the parameters of a call.',
  9001: 'The node did not use the solution; it came too late.',
};

/** A call to a node that failed: `code` is the node's own, or names what happened on the way. */
export class RpcError extends Error {
  readonly code: number | RpcFailure;
  readonly method: string;
  /** For the person. */
  readonly sentence: string;
  /** What the node attached to its refusal. */
  readonly data: unknown;

  constructor(code: number | RpcFailure, method: string, message: string, data?: unknown) {
    super(`${method}: ${message}`);
    this.name = 'RpcError';
    this.code = code;
    this.method = method;
    this.data = data;
    this.sentence =
      typeof code === 'string'
        ? SENTENCES[code]
        : (CODE_SENTENCES[code] ?? `The node refused a call (${method}).`);
  }
}
