import type { Stream, StreamMuxerFactory } from '@libp2p/interface';
import { yamux } from '@libp2p/yamux';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { expect, it } from 'vitest';
import { nodePlatform } from '../dsn/platform-node.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { muxer } from './muxer.ts';

// libp2p is written for a newer Node.js.
nodePlatform();

const FRAME = 16 * 1024;
const FRAMES = 128;

/** Messages that the receiver of 2 MiB sends, and the bytes that come. */
async function receive(factory: StreamMuxerFactory): Promise<{ sent: number; bytes: number }> {
  const [near, far] = multiaddrConnectionPair();
  let sent = 0;
  const send = near.send.bind(near);
  near.send = (data) => {
    sent += 1;
    return send(data);
  };
  const own = factory.createStreamMuxer(near);
  const other = yamux()().createStreamMuxer(far);
  other.addEventListener('stream', ({ detail }: CustomEvent<Stream>) => {
    void (async () => {
      const frame = new Uint8Array(FRAME).fill(5);
      for (let count = 0; count < FRAMES; count += 1) {
        if (!detail.send(frame)) await detail.onDrain();
        await new Promise(setImmediate);
      }
      await detail.close();
    })();
  });
  const stream = await own.createStream();
  let bytes = 0;
  for await (const part of stream) {
    for (const byte of part.subarray()) bytes += byte === 5 ? 1 : 0;
    if (bytes === FRAME * FRAMES) break;
  }
  near.abort(new Error('done'));
  return { sent, bytes };
}

it('lets everything come, and says so far less often than the library', async () => {
  const usual = await receive(yamux()());
  const own = await receive(muxer()());
  expect([usual.bytes, own.bytes]).toEqual([FRAME * FRAMES, FRAME * FRAMES]);
  expect(usual.sent).toBeGreaterThan(FRAMES / 2);
  expect(own.sent).toBeLessThan(FRAMES / 4);
});

it('lets a piece come whole without another word, which would take a round trip', async () => {
  const [near, far] = multiaddrConnectionPair();
  const other = yamux()().createStreamMuxer(far);
  const opened = new Promise<Stream>((resolve) =>
    other.addEventListener('stream', ({ detail }: CustomEvent<Stream>) => resolve(detail)),
  );
  const stream = await muxer()().createStreamMuxer(near).createStream();
  const sender = await opened;
  // Nothing more is heard from here.
  near.send = () => true;
  const piece = new Uint8Array(PIECE_BYTES).fill(5);
  for (let at = 0; at < piece.length; at += FRAME) sender.send(piece.subarray(at, at + FRAME));
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.byteLength;
    if (bytes === PIECE_BYTES) break;
  }
  expect(bytes).toBe(PIECE_BYTES);
  near.abort(new Error('done'));
});
