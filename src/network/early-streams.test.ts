import { UnsupportedProtocolError, type Connection, type Stream } from '@libp2p/interface';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equal } from '../protocol/bytes.ts';
import { agreed, openEarly } from './early-streams.ts';
import { closeWriting } from './streams.ts';

const PROTOCOL = '/a/b/1';
const line = (text: string): Uint8Array =>
  concat(Uint8Array.of(text.length + 1), new TextEncoder().encode(`${text}\n`));
const PROPOSAL = concat(line('/multistream/1.0.0'), line(PROTOCOL));
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** A stream to a peer that says nothing by itself. */
function streamTo() {
  const sent: Uint8Array[] = [];
  const read: Uint8Array[] = [];
  const state = { closed: false, error: null as Error | null };
  let unread = new Uint8Array();
  const stream = {
    protocol: '',
    readBuffer: {
      subarray: () => unread,
      consume: (bytes: number) => (unread = unread.subarray(bytes)),
    },
    send: (bytes: Uint8Array) => sent.push(bytes) > 0,
    onData: (bytes: Uint8Array) => void read.push(bytes.slice()),
    abort: (error: Error) => (state.error = error),
    close: () => Promise.resolve(void (state.closed = true)),
  };
  return { sent, read, state, stream, early: (bytes: Uint8Array) => (unread = bytes.slice()) };
}

async function open({ stream }: ReturnType<typeof streamTo>, protocol?: string): Promise<Stream> {
  const muxer = { createStream: () => Promise.resolve(stream as unknown as Stream) };
  openEarly({ muxer } as unknown as Connection);
  return (muxer.createStream as (options: { protocol?: string }) => Promise<Stream>)({ protocol });
}

describe('a stream that is opened early', () => {
  it('is ready before the other side has said anything, and proposes what it is for', async () => {
    const far = streamTo();
    const stream = await open(far, PROTOCOL);
    expect(stream.protocol).toBe(PROTOCOL);
    expect(far.sent).toEqual([PROPOSAL]);
  });

  it('gives what follows the consent, however it is split, and nothing of the consent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 60 }),
        fc.array(fc.nat(PROPOSAL.length + 60), { maxLength: 6 }),
        async (answer, cuts) => {
          const far = streamTo();
          await open(far, PROTOCOL);
          const bytes = concat(PROPOSAL, answer);
          const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length];
          places.sort((a, b) => a - b);
          places.slice(1).forEach((end, at) => far.stream.onData(bytes.subarray(places[at], end)));
          expect(equal(concat(...far.read), answer)).toBe(true);
          expect(far.state.error).toBeNull();
        },
      ),
    );
  });

  it('takes as consent what came before it was ready', async () => {
    for (const here of [line('/multistream/1.0.0').length, PROPOSAL.length]) {
      const far = streamTo();
      far.early(PROPOSAL.subarray(0, here));
      const stream = await open(far, PROTOCOL);
      expect(far.stream.readBuffer.subarray().length).toBe(0);
      far.stream.onData(concat(PROPOSAL.subarray(here), Uint8Array.of(7)));
      await agreed(stream);
      expect(concat(...far.read)).toEqual(Uint8Array.of(7));
    }
  });

  it('ends with any other answer, of which nothing is given', async () => {
    const refusal = concat(line('/multistream/1.0.0'), line('na'));
    const others = [refusal, ...PROPOSAL.keys()].map((at) =>
      typeof at === 'number' ? PROPOSAL.map((byte, place) => (place === at ? byte ^ 1 : byte)) : at,
    );
    for (const other of others) {
      const far = streamTo();
      await open(far, PROTOCOL);
      far.stream.onData(other);
      far.stream.onData(PROPOSAL);
      expect(far.state.error).toBeInstanceOf(UnsupportedProtocolError);
      expect(far.read).toEqual([]);
    }
  });

  it('is closed for writing once the other side has agreed, not before', async () => {
    const far = streamTo();
    const stream = await open(far, PROTOCOL);
    closeWriting(stream);
    far.stream.onData(PROPOSAL.subarray(0, -1));
    await settled();
    expect(far.state.closed).toBe(false);
    far.stream.onData(PROPOSAL.subarray(-1));
    await agreed(stream);
    await settled();
    expect(far.state.closed).toBe(true);
  });
});

it('leaves streams alone that have a protocol already, or are opened for any of several', async () => {
  const agreedBefore = streamTo();
  agreedBefore.stream.protocol = '/known';
  expect((await open(agreedBefore, PROTOCOL)).protocol).toBe('/known');
  const anyOf = streamTo();
  expect((await open(anyOf)).protocol).toBe('');
  expect([agreedBefore.sent, anyOf.sent]).toEqual([[], []]);
  await expect(agreed(await open(anyOf))).resolves.toBeUndefined();
});
