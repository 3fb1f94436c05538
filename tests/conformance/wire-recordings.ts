/** What a reference node and farmer said, as the cases about it share it. */
import { RpcError } from '../../src/network/rpc-error.ts';
import type { RpcCaller, RpcMessage } from '../../src/network/rpc.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import type { Recorded } from './protocol-support.ts';

export interface BlocksFile {
  blocks: { number: number; hash: string; reply: Recorded & { block: Recorded; justifications: unknown } }[];
}

export interface Truncated {
  truncated_text: string;
  text_len: number;
  result_len_bytes: number;
  result_sha256: string;
}

export interface CallsFile {
  calls: { request: string; reply: string | Truncated }[];
  subscriptions?: Frame[];
}

export interface Frame {
  dir: string;
  frame: string;
  /** Characters of a frame that is recorded shortened. */
  frame_len?: number;
  truncated?: boolean;
}

export interface Request {
  id: number;
  method: string;
  params?: unknown[];
}

/** A node that answers every call with the same recorded reply, and notes what it was asked. */
export class RecordedNode implements RpcCaller {
  asked: { method: string; params: readonly unknown[] | undefined } | null = null;

  constructor(private readonly reply: RpcMessage) {}

  async call(method: string, params?: readonly unknown[]): Promise<unknown> {
    this.asked = { method, params };
    if (this.reply.kind === 'error') {
      const { code, message, data } = this.reply;
      throw new RpcError(code, method, message, data);
    }
    if (this.reply.kind !== 'result') throw new Error('a notification is no reply');
    return this.reply.result;
  }

  subscribe(
    method: string,
    _unsubscribe: string,
    params: readonly unknown[] | undefined,
    listener: (result: unknown) => void,
  ) {
    this.asked = { method, params };
    if (this.reply.kind === 'notification') listener(this.reply.result);
    return { close: () => undefined };
  }
}

export const bytes = (value: unknown): Uint8Array => fromHex(value as string);
