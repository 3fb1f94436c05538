/** Messages on a stream of libp2p: one each way, or any number one way. */
import type { Stream } from '@libp2p/interface';
import { onAbort } from '../async/on-abort.ts';
import { frame, FrameReader } from '../protocol/dsn.ts';
import { asError } from '../protocol/errors.ts';
import { agreed } from './early-streams.ts';

/**
 * Sent at once; larger sends overflow the buffers of some transports. With the 12 bytes that Yamux puts before it, a part
 * fills one message of Noise, 65 519 bytes.
 */
export const PART_BYTES = 65_519 - 12;
/** A half close may wait for an answer that some peers never send. */
const CLOSE_MS = 1_000;

/** The other side began its message and stopped sending. */
export class StalledError extends Error {
  override readonly name = 'StalledError';
}

/** Sends a message, waiting wherever the other side is slow. */
export async function sendFrame(stream: Stream, payload: Uint8Array, signal: AbortSignal): Promise<void> {
  const bytes = frame(payload);
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    signal.throwIfAborted();
    if (!stream.send(bytes.subarray(at, at + PART_BYTES))) await stream.onDrain({ signal });
  }
}

/**
 * Receives the message of a stream, or null when it ends before its first byte. To be called before this side's
 * writing is closed: a stream that both sides closed forgets what was not read yet.
 *
 * @param limit Largest payload, in bytes.
 * @param stallMs How long nothing may come once the message has begun, in milliseconds.
 * @throws DecodeError for a message that is too large or cut off; StalledError; the signal's reason.
 */
export async function receiveFrame(
  stream: Stream,
  limit: number,
  signal: AbortSignal,
  stallMs = Infinity,
): Promise<Uint8Array | null> {
  // The end of a stream that ended already is not told again.
  if (stream.remoteWriteStatus === 'closed' && stream.readBufferLength === 0) return null;
  const leave = onAbort(signal, () => stream.abort(asError(signal.reason)));
  let heard = Infinity;
  const look = (): void => {
    if (performance.now() - heard > stallMs) stream.abort(new StalledError(`nothing came for ${stallMs} ms`));
  };
  const watch = stallMs === Infinity ? undefined : setInterval(look, stallMs / 4);
  try {
    const reader = new FrameReader(limit);
    for await (const part of stream) {
      heard = performance.now();
      let payload: Uint8Array | null = null;
      for (const bytes of part instanceof Uint8Array ? [part] : part) payload = reader.push(bytes);
      if (payload !== null) return payload;
    }
    signal.throwIfAborted();
    return reader.untouched ? null : reader.cutOff();
  } finally {
    clearInterval(watch);
    leave();
  }
}

/**
 * Every message of a stream until it ends.
 *
 * @param limit Largest payload, in bytes.
 * @throws DecodeError for a message that is too large or cut off; the signal's reason.
 */
export async function* receiveFrames(
  stream: Stream,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const leave = onAbort(signal, () => stream.abort(asError(signal.reason)));
  try {
    const reader = new FrameReader(limit);
    for await (const part of stream) {
      let next = reader.take(part instanceof Uint8Array ? part : part.subarray());
      for (; next !== null; next = next.rest.length === 0 ? null : reader.take(next.rest)) yield next.payload;
    }
    signal.throwIfAborted();
    if (!reader.untouched) reader.cutOff();
  } finally {
    leave();
  }
}

/** Closes this side's writing, as soon as it may be, without waiting for the other. */
export function closeWriting(stream: Stream): void {
  const close = (): Promise<void> => stream.close({ signal: AbortSignal.timeout(CLOSE_MS) });
  agreed(stream)
    .then(close)
    .catch(() => undefined);
}
