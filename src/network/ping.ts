/** Pings of other peers: 32 bytes that come back. This program sends none itself; see `docs/objects.md`. */
import type { Stream } from '@libp2p/interface';
import { asError } from '../protocol/errors.ts';

export const PING_PROTOCOL = '/ipfs/ping/1.0.0';
/** Streams on which one peer may ping at once. */
export const MAX_PING_STREAMS = 2;
/** A peer that pings keeps its stream for the next one. */
const PATIENCE_MS = 60_000;

/** Sends back what comes, until the other side ends the stream or is silent for a minute. */
export async function answerPings(stream: Stream): Promise<void> {
  let silence: ReturnType<typeof setTimeout> | undefined;
  const wait = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => stream.abort(new Error('no ping for a minute')), PATIENCE_MS);
  };
  wait();
  try {
    for await (const part of stream) {
      wait();
      if (!stream.send(part)) await stream.onDrain();
    }
    await stream.close();
  } catch (error) {
    stream.abort(asError(error));
  } finally {
    clearTimeout(silence);
  }
}
