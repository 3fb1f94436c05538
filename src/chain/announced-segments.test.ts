import { beforeAll, describe, expect, test } from 'vitest';
import { recordedMetadata, recordedStates, type RecordedState } from '../../tests/support/recorded-states.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { decodeExtrinsic } from '../protocol/extrinsic.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { decodeAll } from '../protocol/scale.ts';
import { readSegmentHeader } from '../protocol/segment.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import type { SegmentHeader } from '../protocol/types.ts';
import { isAnnounced } from './announced-segments.ts';
import { NoProof } from './no-proof.ts';
import type { BlockReader } from './verified-blocks.ts';

const LAST = 12;
const DEPTH = 10;
let metadata: RuntimeMetadata;
let states: RecordedState[];
let genesis: SegmentHeader;

beforeAll(async () => {
  await loadWasm();
  metadata = recordedMetadata();
  states = recordedStates(LAST);
  const calls = states[1]!.extrinsics.map((bytes) => decodeExtrinsic(bytes).call);
  const call = calls.find(([pallet, index]) => pallet === metadata.palletIndex('Subspace') && index === 0)!;
  [genesis] = decodeAll(call.subarray(2), 'headers', (reader) => reader.vec(readSegmentHeader, 94)) as [
    SegmentHeader,
  ];
});

/** The recorded chain, as the light client has it; its bodies are gone where `pruned` says so. */
function blocks(pruned = false): BlockReader {
  const at = (number: number) => ({ header: states[number]!.header, number, hash: states[number]!.hash });
  return {
    head: () => at(LAST),
    metadata: () => metadata,
    block: (number: number) => Promise.resolve(at(number)),
    body: ({ number }: { number: number }) =>
      pruned ? Promise.reject(new NoProof(null)) : Promise.resolve(states[number]!.extrinsics),
  } as unknown as BlockReader;
}

describe('a header of a segment', () => {
  test('is proven by the block that announced it', async () => {
    expect(subspaceDigests(states[1]!.header).segmentCommitments).toHaveLength(1);
    expect(await isAnnounced(blocks(), genesis, DEPTH)).toBe(true);
  });

  test('is refused with any other content, though the commitment is right', async () => {
    const lies: SegmentHeader[] = [
      { ...genesis, lastArchivedBlock: { number: 0, partialArchived: 7 } },
      { ...genesis, prevSegmentHeaderHash: new Uint8Array(32).fill(1) },
    ];
    for (const lie of lies) expect(await isAnnounced(blocks(), lie, DEPTH)).toBe(false);
  });

  test('is refused where the chain announced no such segment', async () => {
    const later = { ...genesis, segmentIndex: 1n, lastArchivedBlock: { number: 1, partialArchived: null } };
    expect(await isAnnounced(blocks(), later, DEPTH)).toBe(false);
  });

  test('stays open where no node has the block any more', async () => {
    await expect(isAnnounced(blocks(true), genesis, DEPTH)).rejects.toBeInstanceOf(NoProof);
  });
});
