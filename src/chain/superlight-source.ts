/** Super-light sync's questions, asked of a node by JSON-RPC. */
import type { ImportableBlock, RpcSource } from '../network/source.ts';
import { DecodeError } from '../protocol/errors.ts';
import { decodeMmrProof, type MmrProof } from '../protocol/mmr.ts';
import type { Header } from '../protocol/types.ts';
import type { SuperLightSource } from './superlight.ts';

/** Calls that are under way at the same time. */
const PIPELINE = 24;

/** A node's chain below one of its blocks (32-byte hash), which should be final so that numbers mean one block. */
export class NodeHistory implements SuperLightSource {
  constructor(
    private readonly source: RpcSource,
    private readonly head: Uint8Array,
  ) {}

  headers(numbers: readonly number[], signal?: AbortSignal): Promise<Header[]> {
    return inPipeline(numbers, (number) =>
      this.hashed(number, signal, (hash) => this.source.header(hash, signal)),
    );
  }

  blocks(numbers: readonly number[], signal?: AbortSignal): Promise<ImportableBlock[]> {
    return inPipeline(numbers, (number) =>
      this.hashed(number, signal, (hash) => this.source.block(hash, signal)),
    );
  }

  private async hashed<T>(
    number: number,
    signal: AbortSignal | undefined,
    read: (hash: Uint8Array) => Promise<T | null>,
  ): Promise<T> {
    const hash = await this.source.hashAt(number, signal);
    const found = hash && (await read(hash));
    if (found === null) throw new DecodeError('block', `the source does not have block ${number}`);
    return found;
  }

  /** A node names a leaf by the block that appended it: the one after the leaf's own. */
  async mmrProof(numbers: readonly number[], size: number, signal?: AbortSignal): Promise<MmrProof> {
    const appended = numbers.map((number) => number + 1);
    const { proof } = await this.source.node.mmrProof(appended, size, this.head, { signal });
    return decodeMmrProof(proof);
  }
}

async function inPipeline<T>(numbers: readonly number[], read: (number: number) => Promise<T>): Promise<T[]> {
  const found = new Array<T>(numbers.length);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < numbers.length; at = next++) found[at] = await read(numbers[at] as number);
  };
  await Promise.all(Array.from({ length: Math.min(PIPELINE, numbers.length) }, work));
  return found;
}
