/** Bytes of the messages that no recording has: as the protocol's description lays them out, written out by hand. */
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../bytes.ts';
import { decodeWith, encodeWith, type Codec } from '../codec.ts';
import { PIECE_BYTES } from '../constants.ts';
import { clusterMessages as messages } from './messages.ts';

const ULID = '01M82R701458SK32GAJW0YJP65';
/** The same as it was recorded, 16 bytes with the lowest first. */
const BARE = 'c558e901970a8a31332a24808305a201';
const TAGGED = `00${BARE}`;
/** “no”, its length before it. */
const NO = '086e6f';
const SECOND = '0100000000000000 00000000';
const PIECE = new Uint8Array(PIECE_BYTES).fill(0xab);
/** Of a piece: its length and its bytes. */
const PIECE_HEX = `82014000${'ab'.repeat(PIECE_BYTES)}`;

const event = (update: unknown) => ({ farmId: ULID, sectorIndex: 0x0102, update });
const news = (notification: unknown) => ({ farmId: ULID, notification });
const plotting = (details: unknown) => event({ kind: 'plotting', details });
const expiration = (details: unknown) => event({ kind: 'expiration', details });

const cases: [string, unknown, unknown, string][] = [
  ['a farmer', messages.farmerIdentify.payload, ULID, BARE],
  ['a program of caches', messages.cacheIdentify.payload, ULID, TAGGED],
  [
    'a cache of a program',
    messages.cacheDetails.item,
    { pieceCacheId: ULID, maxNumElements: 0x01020304 },
    `${TAGGED} 04030201`,
  ],
  [
    'a farm of a farmer',
    messages.farmDetails.item,
    { farmId: ULID, totalSectorsCount: 0x0102 },
    `${TAGGED} 0201`,
  ],
  ['a question where a piece is', messages.findPieceInCache.payload, 76n, '4c00000000000000'],
  ['its answer', messages.findPieceInCache.response, [ULID, 3], `01 ${TAGGED} 03000000`],
  ['that no cache has it', messages.findPieceInCache.response, null, '00'],
  [
    'a place among many',
    messages.findPiecesInCache.item,
    [76n, ULID, 3],
    `4c00000000000000 ${TAGGED} 03000000`,
  ],
  ['a question for a piece', messages.piece.payload, 76n, '4c00000000000000'],
  ['a piece', messages.piece.response, PIECE, `01 ${PIECE_HEX}`],
  ['no piece', messages.piece.response, null, '00'],
  ['that a piece was not written', messages.writePiece.response, { ok: false, error: 'no' }, `01 ${NO}`],
  ['a question which piece is in a place', messages.readPieceIndex.payload, 0x0102, '02010000'],
  [
    'that it is this one',
    messages.readPieceIndex.response,
    { ok: true, value: 2n },
    '00 01 0200000000000000',
  ],
  ['that the place is empty', messages.readPieceIndex.response, { ok: true, value: null }, '00 00'],
  ['that it is not known', messages.readPieceIndex.response, { ok: false, error: 'no' }, `01 ${NO}`],
  ['a question for what is in a place', messages.readPiece.payload, 1, '01000000'],
  [
    'what is in it',
    messages.readPiece.response,
    { ok: true, value: [2n, PIECE] },
    `00 01 0200000000000000 ${PIECE_HEX}`,
  ],
  ['a question for several places', messages.readPieces.payload, [1, 2], '08 01000000 02000000'],
  [
    'one of them',
    messages.readPieces.item,
    { ok: true, value: [1, [2n, PIECE]] },
    `00 01000000 01 0200000000000000 ${PIECE_HEX}`,
  ],
  ['an empty one', messages.readPieces.item, { ok: true, value: [1, null] }, '00 01000000 00'],
  [
    'what a cache holds',
    messages.contents.item,
    { ok: true, value: [1, 2n] },
    '00 01000000 01 0200000000000000',
  ],
  ['a place in a farm', messages.readFarmPiece.payload, [0x0102, 0x0304], '0201 0403'],
  ['the piece there', messages.readFarmPiece.response, { ok: true, value: PIECE }, `00 01 ${PIECE_HEX}`],
  ['that it cannot be read', messages.readFarmPiece.response, { ok: false, error: 'no' }, `01 ${NO}`],
  [
    'that a farm cannot say what it has',
    messages.plottedSectors.item,
    { ok: false, error: 'no' },
    `01 ${NO}`,
  ],
  ['that no plotter is free', messages.freePlotter.response, null, '00'],
  ['a busy plotter', messages.plotSector.item, { kind: 'occupied' }, '00'],
  [
    'a part of a sector that does not come',
    messages.plotSector.item,
    { kind: 'sectorChunk', chunk: { ok: false, error: 'no' } },
    `07 01 ${NO}`,
  ],
  ['a plotter that failed', messages.plotSector.item, { kind: 'error', error: 'no' }, `08 ${NO}`],
  ['a controller without an answer', messages.farmerAppInfo.response, { ok: false, error: 'no' }, `01 ${NO}`],
  [
    'a hash that is not signed',
    messages.rewardSignature.payload,
    { hash: new Uint8Array(32), signature: null },
    `${'00'.repeat(32)} 00`,
  ],
  [
    'a sector that failed',
    messages.sectorUpdate.payload,
    plotting({ kind: 'error', error: 'no' }),
    `${TAGGED} 0201 00 08 ${NO}`,
  ],
  [
    'when a sector expires',
    messages.sectorUpdate.payload,
    expiration({ kind: 'determined', expiresAt: 9n }),
    `${TAGGED} 0201 01 00 0900000000000000`,
  ],
  [
    'that it is about to',
    messages.sectorUpdate.payload,
    expiration({ kind: 'aboutToExpire' }),
    `${TAGGED} 0201 01 01`,
  ],
  ['that it has', messages.sectorUpdate.payload, expiration({ kind: 'expired' }), `${TAGGED} 0201 01 02`],
  ...(['success', 'timeout', 'rejected', 'failed'] as const).map(
    (result, index): [string, unknown, unknown, string] => [
      `a proof: ${result}`,
      messages.farmingNotification.payload,
      news({ kind: 'proving', result, time: 1_000_000_000n }),
      `${TAGGED} 01 0${index} ${SECOND}`,
    ],
  ),
  [
    'a farm’s error',
    messages.farmingNotification.payload,
    news({ kind: 'nonFatalError', error: 'no', isFatal: true }),
    `${TAGGED} 02 ${NO} 01`,
  ],
];

describe('messages that nobody recorded have the bytes of their description:', () => {
  it.each(cases)('%s', (name, codec, value, hex) => {
    const bytes = fromHex(hex.replaceAll(' ', ''));
    const encoded = encodeWith(codec as Codec<unknown>, value);
    // A piece's worth of digits in a report would hide what differs.
    expect(encoded.length).toBe(bytes.length);
    expect(toHex(encoded.subarray(0, 80))).toBe(toHex(bytes.subarray(0, 80)));
    const again = encodeWith(codec as Codec<unknown>, decodeWith(codec as Codec<unknown>, bytes, name));
    expect(toHex(again.subarray(0, 80))).toBe(toHex(bytes.subarray(0, 80)));
  });
});
