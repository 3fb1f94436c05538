import type { Stream } from '@libp2p/interface';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equal } from '../protocol/bytes.ts';
import { frame } from '../protocol/dsn.ts';
import { closeWriting, receiveFrame, receiveFrames, sendFrame } from './streams.ts';

const { signal } = new AbortController();

/** A stream that gives these parts and then ends, and notes what is sent into it. */
function streamOf(parts: Uint8Array[], drains: () => Promise<void> = () => Promise.resolve()) {
  const sent: Uint8Array[] = [];
  let buffered = 0;
  const stream = {
    remoteWriteStatus: 'writable',
    readBufferLength: 0,
    send: (part: Uint8Array) => {
      sent.push(part.slice());
      buffered += 1;
      return buffered % 3 !== 0;
    },
    onDrain: drains,
    abort: () => undefined,
    close: () => new Promise<void>(() => undefined),
    async *[Symbol.asyncIterator]() {
      yield* parts;
    },
  };
  return { sent, stream: stream as unknown as Stream };
}

describe('a message', () => {
  it('is read however the transport splits it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.array(fc.integer({ min: 0, max: 402 }), { maxLength: 8 }),
        async (payload, cuts) => {
          const bytes = frame(payload);
          const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length];
          places.sort((a, b) => a - b);
          const parts = places.slice(1).map((end, at) => bytes.subarray(places[at], end));
          const { stream } = streamOf(parts);
          const read = await receiveFrame(stream, 400, signal);
          expect(read !== null && equal(read, payload)).toBe(true);
        },
      ),
    );
  });

  it('comes after message, however the transport splits them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }),
        fc.array(fc.nat(1_200), { maxLength: 8 }),
        async (payloads, cuts) => {
          const bytes = concat(...payloads.map(frame));
          const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length];
          places.sort((a, b) => a - b);
          const parts = places.slice(1).map((end, at) => bytes.subarray(places[at], end));
          const read: Uint8Array[] = [];
          for await (const message of receiveFrames(streamOf(parts).stream, 200, signal)) read.push(message);
          expect(read).toEqual(payloads);
        },
      ),
    );
  });

  it('dripped byte by byte costs no more than its length', async () => {
    const payload = new Uint8Array(1_000_000).fill(7);
    const parts = Array.from(frame(payload), (byte) => Uint8Array.of(byte));
    for await (const message of receiveFrames(streamOf(parts).stream, 1_000_000, signal))
      expect(equal(message, payload)).toBe(true);
    const half = frame(payload).subarray(0, 500_000);
    const reading = async () => {
      for await (const message of receiveFrames(streamOf([half]).stream, 1_000_000, signal)) void message;
    };
    await expect(reading()).rejects.toThrow('frame');
  });

  it('that is cut off is refused, and none at all is none', async () => {
    const bytes = frame(new Uint8Array(300));
    for (let end = 1; end < bytes.length; end += 37)
      await expect(receiveFrame(streamOf([bytes.subarray(0, end)]).stream, 400, signal)).rejects.toThrow(
        'frame',
      );
    expect(await receiveFrame(streamOf([]).stream, 400, signal)).toBeNull();
    await expect(receiveFrame(streamOf([bytes]).stream, 299, signal)).rejects.toThrow('frame');
  });

  it('is sent in parts of 64 KiB at most, waiting whenever the other side is slow', async () => {
    const payload = Uint8Array.from({ length: 1_048_672 }, (_, at) => at % 251);
    let waited = 0;
    const { stream, sent } = streamOf([], async () => {
      waited += 1;
      const before = sent.length;
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect(sent.length).toBe(before);
    });
    await sendFrame(stream, payload, signal);
    expect(Math.max(...sent.map(({ length }) => length))).toBeLessThanOrEqual(64 * 1024);
    expect(waited).toBe(Math.floor(sent.length / 3));
    expect(equal(concat(...sent), frame(payload))).toBe(true);
  });

  it('is not sent on once nobody wants it', async () => {
    const stop = new AbortController();
    const { stream, sent } = streamOf([], () => Promise.resolve(stop.abort(new Error('enough'))));
    await expect(sendFrame(stream, new Uint8Array(1_000_000), stop.signal)).rejects.toThrow('enough');
    expect(sent.length).toBe(3);
  });

  it('is not waited for to be acknowledged: some peers never do', () => {
    expect(closeWriting(streamOf([]).stream)).toBeUndefined();
  });
});
