/** An error reply. */
export class RpcFailure extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
    this.name = 'RpcFailure';
  }
}

export const PARSE_ERROR = new RpcFailure(-32_700, 'Parse error');
export const INVALID_REQUEST = new RpcFailure(-32_600, 'Invalid request');
export const METHOD_NOT_FOUND = new RpcFailure(-32_601, 'Method not found');

export function invalidParams(data: string): RpcFailure {
  return new RpcFailure(-32_602, 'Invalid params', data);
}

/** `Client error: UnknownBlock: …`, as nodes reply where a block is asked for that they do not have. */
export function unknownBlock(message: string): RpcFailure {
  return new RpcFailure(4003, `Client error: UnknownBlock: ${message}`);
}
