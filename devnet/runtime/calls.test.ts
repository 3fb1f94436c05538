import { describe, expect, it } from 'vitest';
import { encodeSignedBlock } from '../../src/protocol/block.ts';
import { concat } from '../../src/protocol/bytes.ts';
import { encodeExtrinsic } from '../../src/protocol/extrinsic.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import { blockObjects } from '../../src/protocol/object-mapping.ts';
import { skipCall } from './calls.ts';

describe('calls of the local network', () => {
  it('are no end to the search for objects in a batch', () => {
    const transfer = concat(Uint8Array.of(5, 3, 0), new Uint8Array(32), Uint8Array.of(4));
    const remark = Uint8Array.of(0, 0, 1 << 2, 7);
    const call = concat(Uint8Array.of(8, 2, 2 << 2), transfer, remark);
    const hash = new Uint8Array(32);
    const block = encodeSignedBlock({
      header: { parentHash: hash, number: 1, stateRoot: hash, extrinsicsRoot: hash, digest: [] },
      extrinsics: [encodeExtrinsic({ kind: 'bare', version: 5, call })],
      justifications: null,
    });
    const objects = blockObjects(block, skipCall);
    expect(objects).toEqual([{ hash: blake3Hash(Uint8Array.of(7)), offset: block.length - 3 }]);
  });
});
