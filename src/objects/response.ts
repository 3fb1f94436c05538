/** Objects as HTTP responses: what a page, a video element or a program fetches. */
import { cidOfHash } from '../protocol/cid.ts';
import { ownSentence } from '../protocol/errors.ts';
import { ObjectError } from './errors.ts';
import { GUARDED, sentenceResponse } from './guarded.ts';
import { mediaTypeOf, previewOf, savedName } from './media.ts';
import { readObject, type ByteRange, type OpenedObject } from './object.ts';
import type { NodeSource } from './tree.ts';

/** Bytes of a file that are read to guess its type when its name does not tell. */
const SNIFFED_BYTES = 16;

/**
 * A range of a request's header; null when it asks for none, or in a way that may be ignored. `unsatisfiable` when
 * the content does not reach as far.
 */
export function rangeOf(header: string | null, size: number): ByteRange | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? '');
  if (match === null) return null;
  const [, first, last] = match as unknown as [string, string, string];
  if (first === '' && last === '') return null;
  if (first === '') {
    const length = Number(last);
    return length === 0 || size === 0 ? 'unsatisfiable' : { from: Math.max(0, size - length), to: size };
  }
  const from = Number(first);
  const to = last === '' ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && Number(last) < from) return null;
  return from >= size ? 'unsatisfiable' : { from, to };
}

export interface ResponseOptions {
  /** `Range` header of the request. */
  range?: string | null;
  /** Its `If-Range` header: the range is meant only of the content that it names. */
  ifRange?: string | null;
  /** Whether only the headers are wanted. */
  headersOnly?: boolean;
  password?: string;
  signal: AbortSignal;
}

/**
 * A file as a response that streams verified bytes, ranges included. Every byte was verified before it is given out;
 * a failure after the headers ends the stream with the error.
 *
 * @throws ObjectError when the file cannot be read from its beginning, e.g. for a missing password.
 */
export async function objectResponse(
  source: NodeSource,
  object: OpenedObject,
  { range: asked = null, ifRange = null, headersOnly = false, password, signal }: ResponseOptions,
): Promise<Response> {
  const size = object.contentBytes;
  const isMeant = !headersOnly && (ifRange === null || ifRange === tagOf(object));
  const range = size === null || !isMeant ? null : rangeOf(asked, size);
  const headers = await headersOf(source, object, password, signal);
  if (range === 'unsatisfiable') {
    headers.set('Content-Range', `bytes */${size}`);
    return new Response(null, { status: 416, headers });
  }
  if (size !== null) {
    headers.set('Accept-Ranges', 'bytes');
    headers.set('Content-Length', String(range === null ? size : range.to - range.from));
  }
  if (range !== null) headers.set('Content-Range', `bytes ${range.from}-${range.to - 1}/${size}`);
  const status = range === null ? 200 : 206;
  if (headersOnly) return new Response(null, { status, headers });
  const content = readObject(source, object, signal, { range: range ?? undefined, password });
  return new Response(await streamOf(content), { status, headers });
}

function tagOf({ hash }: OpenedObject): string {
  return `"${cidOfHash(hash)}"`;
}

async function headersOf(
  source: NodeSource,
  object: OpenedObject,
  password: string | undefined,
  signal: AbortSignal,
): Promise<Headers> {
  let type = mediaTypeOf(object.name);
  if (type === mediaTypeOf(null)) {
    const begin: number[] = [];
    const sniffed = { range: { from: 0, to: SNIFFED_BYTES }, password };
    for await (const part of readObject(source, object, signal, sniffed)) begin.push(...part);
    type = mediaTypeOf(object.name, Uint8Array.from(begin));
  }
  const text = type.startsWith('text/') ? `${type}; charset=utf-8` : type;
  const headers = new Headers({
    ...GUARDED,
    'Content-Type': text,
    ETag: tagOf(object),
    // The same identifier always has the same bytes; what a password opened is not kept.
    'Cache-Control': object.encrypted ? 'no-store' : 'public, max-age=31536000, immutable',
  });
  const disposition = previewOf(type) === null ? 'attachment' : 'inline';
  headers.set('Content-Disposition', dispositionOf(disposition, object.name));
  return headers;
}

/** A folder's zip file as a response. Throws ObjectError when it cannot be read from its beginning. */
export function zipResponse(zip: AsyncGenerator<Uint8Array>, folder: OpenedObject): Promise<Response> {
  return downloadResponse(zip, savedName(folder), null);
}

/**
 * Content as a file that the browser saves. Throws what reading its beginning throws.
 *
 * @param size Bytes; null where that is not known.
 */
export async function downloadResponse(
  content: AsyncGenerator<Uint8Array>,
  name: string,
  size: number | null,
): Promise<Response> {
  const headers = new Headers({
    ...GUARDED,
    'Content-Type': mediaTypeOf(name),
    'Content-Disposition': dispositionOf('attachment', name),
    'Cache-Control': 'no-store',
  });
  if (size !== null) headers.set('Content-Length', String(size));
  return new Response(await streamOf(content), { headers });
}

function dispositionOf(kind: string, name: string | null): string {
  if (name === null || name === '') return kind;
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  );
  return `${kind}; filename*=UTF-8''${encoded}`;
}

/** A stream that is read only as far as its reader asks, its first part at once, so that early failures show. */
async function streamOf(parts: AsyncGenerator<Uint8Array>): Promise<ReadableStream<Uint8Array>> {
  let next: IteratorResult<Uint8Array> | null = await parts.next();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = next ?? (await parts.next());
          next = null;
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(error);
        }
      },
      cancel: async () => void (await parts.return(undefined)),
    },
    { highWaterMark: 0 },
  );
}

const STATUS: Partial<Record<ObjectError['code'], number>> = {
  'password-needed': 401,
  'wrong-password': 403,
  'not-located': 404,
  'not-answered': 503,
  'wrong-kind': 409,
  'pieces-missing': 503,
};

/** A failure as a response: its sentence as text. */
export function errorResponse(error: unknown): Response {
  const known = error instanceof ObjectError;
  const status = known ? (STATUS[error.code] ?? 502) : 502;
  const sentence = ownSentence(error) ?? 'The object could not be read.';
  return sentenceResponse(sentence, status);
}
