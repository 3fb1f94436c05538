/** Super-light sync's questions, asked of a source. */
import { MAX_BATCH_BYTES, payloadBytes, type ChainSource, type ImportableBlock } from '../network/source.ts';
import { decodeMmrProof, type MmrProof } from '../protocol/mmr.ts';
import type { Header } from '../protocol/types.ts';
import type { SuperLightSource } from './superlight.ts';
import { inPatience, PATIENCE_MS, UnreliableSource } from './unreliable.ts';

/** Calls that are under way at the same time. */
const PIPELINE = 24;

/** A source's chain below one of its blocks (32-byte hash). What it withholds is an UnreliableSource's. */
export class NodeHistory implements SuperLightSource {
  /** `patienceMs`: what the answers to one question may take together. */
  constructor(
    private readonly source: ChainSource,
    private readonly head: Uint8Array,
    private readonly patienceMs: number = PATIENCE_MS,
  ) {}

  headers(numbers: readonly number[], signal?: AbortSignal): Promise<Header[]> {
    return this.each(numbers, signal, (hash, limit) => this.source.header(hash, limit));
  }

  blocks(numbers: readonly number[], signal?: AbortSignal): Promise<ImportableBlock[]> {
    let bytes = 0;
    return this.each(numbers, signal, async (hash, limit) => {
      const block = await this.source.block(hash, limit);
      bytes += block === null ? 0 : payloadBytes(block);
      if (bytes > MAX_BATCH_BYTES)
        throw new UnreliableSource('The source hands out far more than a block can need.');
      return block;
    });
  }

  /** A node names a leaf by the block that appended it: the one after the leaf's own. */
  async mmrProof(numbers: readonly number[], size: number, signal?: AbortSignal): Promise<MmrProof> {
    const appended = numbers.map((number) => number + 1);
    const { proof } = await this.inTime(signal, (limit) =>
      this.source.mmrProof(appended, size, this.head, limit),
    );
    return decodeMmrProof(proof);
  }

  private each<T>(
    numbers: readonly number[],
    signal: AbortSignal | undefined,
    read: (hash: Uint8Array, limit: AbortSignal) => Promise<T | null>,
  ): Promise<T[]> {
    return this.inTime(signal, (limit) =>
      inPipeline(numbers, async (number) => {
        const hash = await this.source.hashAt(number, limit);
        const found = hash && (await read(hash, limit));
        if (found === null)
          throw new UnreliableSource(`The source does not hand out block ${number} of its chain.`);
        return found;
      }),
    );
  }

  private inTime<T>(signal: AbortSignal | undefined, work: (limit: AbortSignal) => Promise<T>): Promise<T> {
    return inPatience(this.patienceMs, signal, 'The source hands out its history too slowly.', work);
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
