/** Compression of files: one zlib stream for the whole file. */
import { Zlib } from 'fflate';
import { inFrames } from './encryption.ts';
import { ObjectError } from './errors.ts';

/** What the compressor is fed at a time; with other portions the same file would get another identifier. */
const FEED_BYTES = 1024 * 1024;

/** Compresses the way the network's own library does, so that equal files get equal identifiers. */
export async function* compress(plain: AsyncIterable<Uint8Array>, level: number): AsyncGenerator<Uint8Array> {
  const out: Uint8Array[] = [];
  const zlib = new Zlib({ level: level as 9 });
  zlib.ondata = (chunk) => out.push(chunk);
  for await (const part of inFrames(plain, FEED_BYTES)) {
    zlib.push(part, false);
    yield* out.splice(0);
  }
  zlib.push(new Uint8Array(0), true);
  yield* out.splice(0);
}

/** Whether bytes begin like a zlib stream. Some files carry the flag of compression without being compressed. */
export function looksCompressed(begin: Uint8Array): boolean {
  const [method, flags] = begin;
  if (method === undefined || flags === undefined) return false;
  return (method & 0x0f) === 8 && method >> 4 <= 7 && (method * 256 + flags) % 31 === 0;
}

/** Decompresses as far as it is read. Throws ObjectError `damaged`. */
export async function* decompress(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = stored[Symbol.asyncIterator]();
  let failure: unknown = null;
  const input = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await iterator.next();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          failure = error;
          controller.error(error);
        }
      },
      cancel: async () => void (await iterator.return?.()),
    },
    { highWaterMark: 0 },
  );
  const inflate = new DecompressionStream('deflate') as unknown as TransformStream<Uint8Array, Uint8Array>;
  const reader = input.pipeThrough(inflate).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } catch (cause) {
    if (failure !== null) throw failure;
    throw new ObjectError({
      code: 'damaged',
      message: 'the zlib stream does not decompress',
      sentence: 'The compressed file is damaged; whoever stored it stored it damaged.',
      cause,
    });
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
