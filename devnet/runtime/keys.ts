/** Storage keys of the runtime's items that are looked up by a map key. */
import { littleEndian } from '../../src/protocol/bytes.ts';
import { CODE_KEY, storageKey } from '../../src/protocol/storage-key.ts';

export const keys = {
  code: CODE_KEY,
  extrinsicIndex: new TextEncoder().encode(':extrinsic_index'),
  account: (id: Uint8Array) => storageKey('System', 'Account', { hasher: 'Blake2128Concat', encoded: id }),
  blockHash: (number: number) =>
    storageKey('System', 'BlockHash', { hasher: 'Twox64Concat', encoded: littleEndian(number, 4) }),
  segmentCommitment: (index: bigint) =>
    storageKey('Subspace', 'SegmentCommitment', { hasher: 'Twox64Concat', encoded: littleEndian(index, 8) }),
  mmrNode: (position: bigint) =>
    storageKey('Mmr', 'Nodes', { hasher: 'Identity', encoded: littleEndian(position, 8) }),
  mmrRoot: (number: number) =>
    storageKey('SubspaceMmr', 'MmrRootHashes', { hasher: 'Twox64Concat', encoded: littleEndian(number, 4) }),
};
