import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { frame, pieceMultihash } from './dsn.ts';
import { ProtocolError } from './errors.ts';
import {
  decodeFindNodeRequest,
  decodeFindNodeResponse,
  encodeFindNodeRequest,
  encodeFindNodeResponse,
} from './find-node.ts';

describe('lookups of peers', () => {
  it('ask as native peers do', () => {
    const key = pieceMultihash(1n);
    const request = encodeFindNodeRequest(key);
    expect(toHex(frame(request))).toBe('110804120d90b2ce05080100000000000000');
    expect(decodeFindNodeRequest(request)).toEqual(key);
  });

  it('understand what native peers answer', () => {
    expect(decodeFindNodeResponse(fromHex('08045009'))).toEqual([]);
  });

  it('bring peers with their addresses', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
    const peers = fc.array(fc.record({ peerId: bytes, addresses: fc.array(bytes, { maxLength: 5 }) }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(peers, (given) => {
        expect(decodeFindNodeResponse(encodeFindNodeResponse(given))).toEqual(given);
      }),
    );
  });

  it('bound what a peer may pour out', () => {
    const many = Array.from({ length: 1000 }, () => ({
      peerId: Uint8Array.of(1),
      addresses: Array.from({ length: 100 }, () => Uint8Array.of(2)),
    }));
    const peers = decodeFindNodeResponse(encodeFindNodeResponse(many));
    expect([peers.length, peers[0]?.addresses.length]).toEqual([64, 32]);
  });

  it.each([
    ['another question', '0802'],
    ['no key', '0804'],
    ['an empty key', '08041200'],
    ['nothing', ''],
    ['a broken field', '08041205'],
  ])('refuse %s', (_, hex) => {
    expect(() => decodeFindNodeRequest(fromHex(hex))).toThrow(ProtocolError);
  });

  it.each([
    ['a peer without an id', '08044200'],
    ['a peer that is a number', '08044001'],
    ['another type', '0805'],
  ])('refuse an answer with %s', (_, hex) => {
    expect(() => decodeFindNodeResponse(fromHex(hex))).toThrow(ProtocolError);
  });
});
