/** Headers of archived segments as the verified chain announced them. */
import { equal } from '../protocol/bytes.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { decodeExtrinsic } from '../protocol/extrinsic.ts';
import { decodeAll } from '../protocol/scale.ts';
import { readSegmentHeader, segmentHeaderHash } from '../protocol/segment.ts';
import type { SegmentHeader } from '../protocol/types.ts';
import { noHead, noRuntime } from './no-proof.ts';
import type { BlockReader, ChainBlock } from './verified-blocks.ts';

/** Blocks looked through for an announcement, from the first that can hold it: an author may be late with it. */
const REACH = 64;

/**
 * Whether the verified chain announced this very header: the block whose digest has the segment's commitment carries
 * the header in its body, in the inherent `Subspace.store_segment_headers`.
 *
 * @param confirmationDepthK Blocks that lie on a block when it is archived.
 * @throws NoProof where no source has that block any more, or the chain is not that long; the signal's reason.
 */
export async function isAnnounced(
  blocks: BlockReader,
  header: SegmentHeader,
  confirmationDepthK: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const head = blocks.head();
  if (head === null) throw noHead();
  const { segmentIndex, lastArchivedBlock } = header;
  const first = segmentIndex === 0n ? 1 : lastArchivedBlock.number + confirmationDepthK + 1;
  for (let number = first; number <= Math.min(head.number, first + REACH); number += 1) {
    const block = await blocks.block(number, signal);
    const { segmentCommitments } = subspaceDigests(block.header);
    if (!segmentCommitments.some((announced) => announced.segmentIndex === segmentIndex)) continue;
    const hash = segmentHeaderHash(header);
    return (await announcedIn(blocks, block, signal)).some((one) => equal(segmentHeaderHash(one), hash));
  }
  return false;
}

/** The headers of segments that a block announces, none in most. Throws NoProof; the signal's reason. */
async function announcedIn(
  blocks: BlockReader,
  block: ChainBlock,
  signal?: AbortSignal,
): Promise<SegmentHeader[]> {
  const metadata = blocks.metadata();
  if (metadata === null) throw noRuntime();
  const index = metadata.callIndex('Subspace', 'store_segment_headers');
  for (const bytes of await blocks.body(block, signal)) {
    const extrinsic = decodeExtrinsic(bytes);
    if (extrinsic.kind !== 'bare' || !equal(extrinsic.call.subarray(0, index.length), index)) continue;
    const argument = extrinsic.call.subarray(index.length);
    return decodeAll(argument, 'segment-headers', (reader) => reader.vec(readSegmentHeader, 94));
  }
  return [];
}
