import { afterEach, describe, expect, it } from 'vitest';
import { DsnPeer } from '../src/dsn/peer.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import { pieceByIndex, segmentHeadersByIndexes } from '../src/protocol/dsn.ts';
import { PIECE_BYTES } from '../src/protocol/constants.ts';
import type { SegmentHeader } from '../src/protocol/types.ts';
import { startDsnPeer } from './dsn-peer.ts';

const GENESIS = new Uint8Array(32).fill(9);
const HEADERS: SegmentHeader[] = [0n, 1n].map((segmentIndex) => ({
  segmentIndex,
  segmentCommitment: new Uint8Array(48).fill(Number(segmentIndex)),
  prevSegmentHeaderHash: new Uint8Array(32),
  lastArchivedBlock: { number: 1, partialArchived: null },
}));
const started: DsnPeer[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((peer) => peer.stop()));
});

describe('the local network’s peer', () => {
  it('gives history over TCP and WebSocket, as native peers do', async () => {
    const peer = await startDsnPeer({
      genesisHash: GENESIS,
      history: {
        headers: () => HEADERS,
        header: (index) => HEADERS[Number(index)] ?? null,
        piece: (index) =>
          Promise.resolve(index < 512n ? new Uint8Array(PIECE_BYTES).fill(Number(index)) : null),
      },
      tcpPort: 0,
      webSocketPort: 0,
    });
    started.push(peer);
    expect(peer.addresses().map((address) => address.includes('/ws'))).toEqual([false, true]);
    for (const address of peer.addresses()) {
      const asker = await DsnPeer.start({ ...nodePlatform(), genesisHash: GENESIS });
      started.push(asker);
      expect(await asker.connect([address])).toEqual([peer.id]);
      const { piece } = await asker.request(peer.id, pieceByIndex, { pieceIndex: 5n, cachedPieces: [] });
      expect(piece?.[100]).toBe(5);
      const ask = (segmentIndexes: bigint[]) =>
        asker.request(peer.id, segmentHeadersByIndexes, { kind: 'indexes', segmentIndexes });
      expect(await ask([1n, 0n])).toEqual([HEADERS[1], HEADERS[0]]);
      await expect(ask([1n, 2n])).rejects.toMatchObject({ code: 'refused' });
      const last = await asker.request(peer.id, segmentHeadersByIndexes, { kind: 'last', limit: 1 });
      expect(last).toEqual([HEADERS[1]]);
    }
  });
});
