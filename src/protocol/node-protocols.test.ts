import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromRpcSignedBlock } from './block.ts';
import { concat, fromHex, toHex } from './bytes.ts';
import { decodeWith, encodeWith } from './codec.ts';
import { DecodeError } from './errors.ts';
import { extrinsicBody } from './extrinsic.ts';
import { encodeHeader, headerHash } from './header.ts';
import {
  announceHandshake,
  decodeAnnouncement,
  decodeReadRequest,
  decodeReadResponse,
  decodeRelayRequest,
  encodeAnnouncement,
  encodeReadRequest,
  encodeReadResponse,
  encodeRelayRequest,
  genesisNamedBy,
  relayedBlocks,
  type RelayedBlock,
  type RelayRequest,
} from './node-protocols.ts';

const recorded = JSON.parse(
  readFileSync(new URL('../../tests/vectors/wire/blocks.json', import.meta.url), 'utf8'),
) as { blocks: { hash: string; reply: unknown }[] };
const blocks = recorded.blocks.slice(0, 8).map(({ hash, reply }): RelayedBlock => {
  const { header, extrinsics, justifications } = fromRpcSignedBlock(reply);
  const none = { indexedBody: null, receipt: null, messageQueue: null, justification: null };
  const body = extrinsics.map(extrinsicBody);
  return { hash: fromHex(hash.replace(/^0x/, ''), 32), header, body, justifications, ...none };
});
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const bytes = fc.uint8Array({ maxLength: 40 });

/** What is thrown, if anything. */
function failureOf(work: () => unknown): unknown[] {
  try {
    work();
    return [];
  } catch (error) {
    return [error];
  }
}

/** Every shorter message is refused, and so is one more byte. */
function requireExact(message: Uint8Array, decode: (message: Uint8Array) => unknown): void {
  for (let length = 0; length < message.length; length += Math.ceil(message.length / 97))
    expect(() => decode(message.subarray(0, length))).toThrow(DecodeError);
  expect(() => decode(concat(message, Uint8Array.of(0)))).toThrow(DecodeError);
}

describe('announcements', () => {
  it('begin with a handshake of 69 bytes', () => {
    const own = {
      roles: 2,
      bestNumber: 7,
      bestHash: fromHex('ab'.repeat(32)),
      genesisHash: new Uint8Array(32),
    };
    const message = encodeWith(announceHandshake, own);
    expect(toHex(message)).toBe(`0207000000${'ab'.repeat(32)}${'00'.repeat(32)}`);
    expect(decodeWith(announceHandshake, message, 'handshake')).toEqual(own);
    requireExact(message, (one) => decodeWith(announceHandshake, one, 'handshake'));
  });

  it('hold a header, and may end after it or after the state', () => {
    const header = blocks[3]!.header!;
    expect(decodeAnnouncement(encodeHeader(header))).toEqual({ header, best: false });
    expect(decodeAnnouncement(concat(encodeHeader(header), Uint8Array.of(1)))).toEqual({
      header,
      best: true,
    });
    expect(decodeAnnouncement(encodeAnnouncement({ header, best: true }))).toEqual({ header, best: true });
    expect(() => decodeAnnouncement(concat(encodeHeader(header), Uint8Array.of(2)))).toThrow(DecodeError);
    expect(() =>
      decodeAnnouncement(concat(encodeAnnouncement({ header, best: true }), Uint8Array.of(0))),
    ).toThrow(DecodeError);
  });

  it('say which network a peer is of', () => {
    const genesis = '5a'.repeat(32);
    expect(genesisNamedBy(['/ipfs/id/1.0.0', `/${genesis}/block-announces/1`])).toBe(genesis);
    expect(genesisNamedBy(['/ipfs/id/1.0.0', `/${genesis}/block-announces/2`])).toBeNull();
  });
});

describe('the block relay', () => {
  it('is asked in the network’s own bytes', () => {
    const asked = {
      id: 1n,
      parts: 0x11,
      from: { kind: 'number', number: 5 },
      descending: false,
      max: 2,
    } as const;
    expect(toHex(encodeRelayRequest(asked))).toBe('020100000000000000110105000000000102000000');
    for (const [at, known] of [
      [0, 2],
      [10, 1],
      [15, 0],
    ] as const) {
      const changed = encodeRelayRequest(asked);
      expect(changed[at]).toBe(known);
      changed[at] = 3;
      expect(() => decodeRelayRequest(changed)).toThrow(DecodeError);
    }
  });

  it('reads what it writes', () => {
    const from = fc.oneof(
      hash.map((value): RelayRequest['from'] => ({ kind: 'hash', hash: value })),
      fc.nat().map((number): RelayRequest['from'] => ({ kind: 'number', number })),
    );
    const request = fc.record({
      id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      parts: fc.nat(255),
      from,
      descending: fc.boolean(),
      max: fc.option(fc.nat()),
    });
    fc.assert(
      fc.property(request, (asked) => {
        const message = encodeRelayRequest(asked);
        expect(decodeRelayRequest(message)).toEqual(asked);
        expect(() => decodeRelayRequest(concat(message, Uint8Array.of(0)))).toThrow(DecodeError);
      }),
    );
  });

  it('carries recorded blocks', () => {
    const message = encodeWith(relayedBlocks, blocks);
    const back = decodeWith(relayedBlocks, message, 'relay');
    expect(back).toEqual(blocks);
    for (const { header, hash: told } of back) expect(headerHash(header!)).toEqual(told);
    requireExact(message, (one) => decodeWith(relayedBlocks, one, 'relay'));
  });
});

describe('questions about state', () => {
  it('are read as they were written', () => {
    const request = fc.record({
      block: hash,
      child: fc.option(bytes),
      keys: fc.array(bytes, { maxLength: 5 }),
    });
    fc.assert(
      fc.property(request, (asked) => {
        expect(decodeReadRequest(encodeReadRequest(asked))).toEqual(asked);
      }),
    );
  });

  it('are answered by trie nodes, or by none', () => {
    const proof = [Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)];
    expect(decodeReadResponse(encodeReadResponse(proof))).toEqual(proof);
    expect(decodeReadResponse(encodeReadResponse([]))).toEqual([]);
    expect(decodeReadResponse(encodeReadResponse(null))).toBeNull();
    expect(() => decodeReadResponse(new Uint8Array())).toThrow(DecodeError);
    expect(() => decodeReadRequest(Uint8Array.of(0x0a, 0))).toThrow(DecodeError);
  });

  it('never crash on what somebody made up', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (message) => {
        const read = [
          decodeReadRequest,
          decodeReadResponse,
          decodeRelayRequest,
          decodeAnnouncement,
          (one: Uint8Array) => decodeWith(relayedBlocks, one, 'relay'),
        ];
        const failures = read.flatMap((decode) => failureOf(() => decode(message)));
        expect(failures.filter((error) => !(error instanceof DecodeError))).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
