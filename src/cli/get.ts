/** `get`: a file, or a folder as a zip file, out of the chain's history, every byte verified. */
import { createWriteStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ObjectDesk } from '../node/objects.ts';
import { parseObjectLink } from '../objects/link.ts';
import type { OpenedObject } from '../objects/object.ts';
import { UsageError } from './usage.ts';

export interface GetOptions {
  /** File to write, `-` for standard output; the object's own name in the present folder when left out. */
  output?: string | undefined;
  password?: string | undefined;
  signal: AbortSignal;
}

export interface GotObject {
  cid: string;
  name: string | null;
  kind: string;
  bytes: number;
  file: string;
  /** Parts whose hash was right. */
  nodes: number;
  /** Pieces they lay in, by whom they came from. */
  pieces: Record<string, number>;
  seconds: number;
}

/** Least milliseconds between two lines of progress. */
const PROGRESS_MS = 250;

/**
 * Retrieves an object into a file. Progress goes to standard error.
 *
 * @throws UsageError for what is no identifier or link; ObjectError; the file system's errors.
 */
export async function getObject(desk: ObjectDesk, text: string, options: GetOptions): Promise<GotObject> {
  const link = linkOf(text);
  const { signal, password } = options;
  const began = performance.now();
  const nodes = new Set<string>();
  const pieces = new Set<string>();
  const service = desk.serviceWatchedBy((event) => {
    if (event.kind !== 'verified') return;
    nodes.add(event.cid);
    pieces.add(String(event.pieceIndex));
  });
  const object = await service.open(link, signal);
  const content =
    object.kind === 'folder'
      ? service.zip(object, signal, password)
      : service.read(object, signal, password === undefined ? {} : { password });
  const file = options.output ?? fileNameOf(object, link.cid);
  const total = object.kind === 'folder' ? null : object.contentBytes;
  let bytes = 0;
  let shown = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const part of content) {
      bytes += part.length;
      if (performance.now() - shown >= PROGRESS_MS) {
        shown = performance.now();
        process.stderr.write(`\r${progress(bytes, total, nodes.size, pieces.size)}`);
      }
      yield part;
    }
  };
  if (file === '-') {
    for await (const part of counted()) if (!process.stdout.write(part)) await drained();
  } else await writeNew(file, counted());
  process.stderr.write(`\r${progress(bytes, total, nodes.size, pieces.size)}\n`);
  const from: Record<string, number> = {};
  for (const index of pieces) {
    const { from: origin } = desk.network.originOf(index);
    from[origin] = (from[origin] ?? 0) + 1;
  }
  const { kind, name } = object;
  const seconds = (performance.now() - began) / 1000;
  return { cid: link.cid, name, kind, bytes, file, nodes: nodes.size, pieces: from, seconds };
}

function linkOf(text: string): ReturnType<typeof parseObjectLink> {
  try {
    return parseObjectLink(text);
  } catch (cause) {
    throw new UsageError(`“${text.slice(0, 80)}” is no identifier of an object`, { cause });
  }
}

function fileNameOf({ kind, name }: OpenedObject, cid: string): string {
  // A name out of history must not lead into another folder.
  const safe = basename((name ?? '').replaceAll('\\', '/')).replace(/^\.+$/, '');
  return `${safe === '' ? cid : safe}${kind === 'folder' ? '.zip' : ''}`;
}

/** Writes a file that must not exist yet; what came of it is removed when it does not come to its end. */
async function writeNew(file: string, content: AsyncGenerator<Uint8Array>): Promise<void> {
  const stream = createWriteStream(file, { flags: 'wx' });
  let opened = false;
  stream.once('open', () => (opened = true));
  try {
    await pipeline(Readable.from(content, { objectMode: false }), stream);
  } catch (error) {
    if (opened) await unlink(file).catch(() => undefined);
    throw error;
  }
}

function drained(): Promise<void> {
  return new Promise((resolve) => process.stdout.once('drain', () => resolve()));
}

function progress(bytes: number, total: number | null, nodes: number, pieces: number): string {
  const part = total === null || total === 0 ? '' : ` of ${total} (${Math.floor((100 * bytes) / total)} %)`;
  return `${bytes} bytes${part}, ${nodes} parts verified, ${pieces} pieces `;
}
