import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWith, encodeWith, type Codec } from '../codec.ts';
import { equal } from '../bytes.ts';
import { PIECE_BYTES, S_BUCKETS } from '../constants.ts';
import { ProtocolError } from '../errors.ts';
import { ulidFromInteger, ulidToInteger } from '../ulid.ts';
import {
  clusterMessages,
  headersOf,
  messageOfSubject,
  subjectOf,
  type ClusterMessageName,
} from './messages.ts';
import { sectorPlottingProgress, sectorUpdate, type PlottedSector } from './values.ts';

const ULID = '01M82R701458SK32GAJW0YJP65';
const filled = (size: number, byte: number) => new Uint8Array(size).fill(byte);
const PIECE = filled(PIECE_BYTES, 3);

const protocolInfo = {
  historySize: 1n,
  maxPiecesInSector: 1000,
  recentSegments: 5n,
  recentHistoryFraction: [1n, 10n] as [bigint, bigint],
  minSectorLifetime: 4n,
};

const solution = {
  publicKey: filled(32, 1),
  rewardAddress: filled(32, 2),
  sectorIndex: 3,
  historySize: 4n,
  pieceOffset: 5,
  recordCommitment: filled(48, 6),
  recordWitness: filled(48, 7),
  chunk: filled(32, 8),
  chunkWitness: filled(48, 9),
  proofOfSpace: filled(160, 10),
};

const header = {
  segmentIndex: 7n,
  segmentCommitment: filled(48, 1),
  prevSegmentHeaderHash: filled(32, 2),
  lastArchivedBlock: { number: 9, partialArchived: 77 },
};

const plotted: PlottedSector = {
  sectorId: filled(32, 1),
  sectorIndex: 2,
  metadata: {
    sectorIndex: 2,
    piecesInSector: 2,
    sBucketSizes: new Uint16Array(S_BUCKETS).fill(1),
    historySize: 3n,
  },
  pieceIndexes: [5n, 6n],
};

/** A value of every kind that each message, its answer or its items can have. */
const samples: { [name in ClusterMessageName]: { payload: unknown[]; answer?: unknown[] } } = {
  identifyFarmers: { payload: [null] },
  identifyCaches: { payload: [null] },
  slotInfo: {
    payload: [
      {
        slotInfo: {
          slotNumber: 24n,
          globalChallenge: filled(32, 1),
          solutionRange: 2n ** 63n,
          votingSolutionRange: 2n ** 64n - 1n,
        },
        instance: 'controller',
      },
    ],
  },
  rewardSigningInfo: { payload: [{ hash: filled(32, 1), publicKey: filled(32, 2) }] },
  archivedSegmentHeader: { payload: [header] },
  solution: { payload: [{ slotNumber: 69n, solution }] },
  rewardSignature: {
    payload: [
      { hash: filled(32, 1), signature: filled(64, 2) },
      { hash: filled(32, 1), signature: null },
    ],
  },
  farmerAppInfo: {
    payload: [null],
    answer: [
      {
        ok: true,
        value: {
          genesisHash: filled(32, 1),
          dsnBootstrapNodes: [filled(8, 4)],
          syncing: true,
          farmingTimeout: 4_000_000_001n,
          protocolInfo,
        },
      },
      { ok: false, error: 'syncing' },
    ],
  },
  segmentHeaders: { payload: [[0n, 1n]], answer: [[header, null]] },
  findPieceInCache: { payload: [76n], answer: [[ULID, 3], null] },
  findPiecesInCache: { payload: [[76n, 2n ** 64n - 1n]], answer: [[76n, ULID, 3]] },
  piece: { payload: [76n], answer: [PIECE, null] },
  pieces: { payload: [[76n]], answer: [[76n, PIECE]] },
  cacheIdentify: { payload: [ULID] },
  pieceCacheIdentify: { payload: [{ pieceCacheId: ULID, maxNumElements: 11 }] },
  cacheDetails: { payload: [null], answer: [{ pieceCacheId: ULID, maxNumElements: 11 }] },
  writePiece: {
    payload: [{ offset: 1, pieceIndex: 2n, piece: PIECE }],
    answer: [
      { ok: true, value: null },
      { ok: false, error: 'disk' },
    ],
  },
  readPieceIndex: {
    payload: [1],
    answer: [
      { ok: true, value: 2n },
      { ok: true, value: null },
    ],
  },
  readPiece: {
    payload: [1],
    answer: [
      { ok: true, value: [2n, PIECE] },
      { ok: true, value: null },
    ],
  },
  readPieces: {
    payload: [[1, 2]],
    answer: [
      { ok: true, value: [1, [2n, PIECE]] },
      { ok: true, value: [1, null] },
    ],
  },
  contents: { payload: [null], answer: [{ ok: true, value: [1, 2n] }] },
  freePlotter: { payload: [null], answer: [ULID, null] },
  plotSector: {
    payload: [{ publicKey: filled(32, 1), sectorIndex: 0, protocolInfo, piecesInSector: 8 }],
    answer: [
      { kind: 'occupied' },
      { kind: 'ping' },
      { kind: 'downloading' },
      { kind: 'downloaded', time: 1n },
      { kind: 'encoding' },
      { kind: 'encoded', time: 2n },
      { kind: 'finished', plottedSector: plotted, time: 3n },
      { kind: 'sectorChunk', chunk: { ok: true, value: filled(9, 1) } },
      { kind: 'sectorChunk', chunk: { ok: false, error: 'gone' } },
      { kind: 'error', error: 'out of memory' },
    ],
  },
  farmerIdentify: { payload: [ULID] },
  farmIdentify: { payload: [{ farmId: ULID, totalSectorsCount: 2, fingerprint: filled(32, 1) }] },
  farmDetails: { payload: [null], answer: [{ farmId: ULID, totalSectorsCount: 2 }] },
  sectorUpdate: {
    payload: [
      { kind: 'starting', progress: 12.5, replotting: true, lastQueued: false },
      { kind: 'downloading' },
      { kind: 'downloaded', time: 1n },
      { kind: 'encoding' },
      { kind: 'encoded', time: 1n },
      { kind: 'writing' },
      { kind: 'written', time: 1n },
      { kind: 'finished', plottedSector: plotted, oldPlottedSector: null, time: 1n },
      { kind: 'finished', plottedSector: plotted, oldPlottedSector: plotted, time: 1n },
      { kind: 'error', error: 'no' },
    ]
      .map((details): unknown => ({ farmId: ULID, sectorIndex: 1, update: { kind: 'plotting', details } }))
      .concat(
        [{ kind: 'determined', expiresAt: 9n }, { kind: 'aboutToExpire' }, { kind: 'expired' }].map(
          (details) => ({ farmId: ULID, sectorIndex: 1, update: { kind: 'expiration', details } }),
        ),
      ),
  },
  farmingNotification: {
    payload: [
      { kind: 'auditing', sectors: 3, time: 1n },
      { kind: 'proving', result: 'rejected', time: 1n },
      { kind: 'nonFatalError', error: 'no', isFatal: false },
    ].map((notification) => ({ farmId: ULID, notification })),
  },
  solutionResponse: { payload: [{ farmId: ULID, response: { slotNumber: 69n, solution } }] },
  plottedSectors: {
    payload: [null],
    answer: [
      { ok: true, value: plotted },
      { ok: false, error: 'no' },
    ],
  },
  readFarmPiece: { payload: [[1, 2]], answer: [{ ok: true, value: PIECE }] },
};

interface Sample {
  name: string;
  codec: Codec<unknown>;
  value: unknown;
  encoded: Uint8Array;
}

const all: Sample[] = Object.entries(samples).flatMap(([name, { payload, answer = [] }]) => {
  const message = clusterMessages[name as ClusterMessageName];
  const response =
    message.kind === 'request' ? message.response : message.kind === 'stream' ? message.item : null;
  const sample = (codec: unknown) => (value: unknown) => ({
    name,
    codec: codec as Codec<unknown>,
    value,
    encoded: encodeWith(codec as Codec<unknown>, value),
  });
  return [...payload.map(sample(message.payload)), ...answer.map(sample(response))];
});

/** What a codec makes of bytes: refuses them with a typed error, or encodes what it read again. */
function outcome(codec: Codec<unknown>, bytes: Uint8Array): 'refused' | 'same bytes' | 'other bytes' {
  let value: unknown;
  try {
    value = decodeWith(codec, bytes, 'sample');
  } catch (error) {
    if (error instanceof ProtocolError) return 'refused';
    throw error;
  }
  return equal(encodeWith(codec, value), bytes) ? 'same bytes' : 'other bytes';
}

const small = all.filter(({ encoded }) => encoded.length < 1000);

describe('messages of the cluster', () => {
  it('have answers exactly where something is answered', () => {
    const answered = Object.entries(samples).filter(([, { answer }]) => answer !== undefined);
    const kinds = Object.entries(clusterMessages).filter(
      ([, { kind }]) => kind === 'request' || kind === 'stream',
    );
    expect(answered.map(([name]) => name)).toEqual(kinds.map(([name]) => name));
  });

  it.each(all)('$name comes back from its bytes', ({ codec, encoded }) => {
    expect(outcome(codec, encoded)).toBe('same bytes');
    expect(encoded.length).toBeGreaterThanOrEqual(codec.minimum);
  });

  it('come back from their bytes with the same content', () => {
    expect(small.map(({ codec, encoded, name }) => decodeWith(codec, encoded, name))).toEqual(
      small.map(({ value }) => value),
    );
  });

  it('are refused when cut or lengthened', () => {
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.nat(), ({ codec, encoded }, cut) => {
        const longer = new Uint8Array(encoded.length + 1);
        longer.set(encoded);
        const cases: Uint8Array[] = [longer];
        if (encoded.length > 0) cases.push(encoded.subarray(0, cut % encoded.length));
        expect(cases.every((bytes) => outcome(codec, bytes) === 'refused')).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('with another byte are refused, or are another message of exactly those bytes', () => {
    const some = all.filter(({ encoded }) => encoded.length > 0);
    fc.assert(
      fc.property(
        fc.constantFrom(...some),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        ({ codec, encoded }, place, change, atTheStart) => {
          const mutated = Uint8Array.from(encoded);
          mutated[place % (atTheStart ? Math.min(64, mutated.length) : mutated.length)]! ^= change;
          expect(outcome(codec, mutated)).not.toBe('other bytes');
        },
      ),
      { numRuns: 400 },
    );
  });

  it('of arbitrary bytes are refused, or are exactly those bytes again', () => {
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.uint8Array({ maxLength: 200 }), ({ codec }, bytes) => {
        expect(outcome(codec, bytes)).not.toBe('other bytes');
      }),
      { numRuns: 2000 },
    );
  });

  it('claim no more items than their bytes can hold', () => {
    const lists = [
      clusterMessages.pieces.payload,
      clusterMessages.segmentHeaders.response,
    ] as Codec<unknown>[];
    for (const codec of lists) expect(outcome(codec, Uint8Array.of(0xfe, 0xff, 0xff, 0xff))).toBe('refused');
  });

  it('refuse durations with more than a second of nanoseconds, and numbers that are none', () => {
    const late = encodeWith(sectorPlottingProgress, { kind: 'encoded', time: 999_999_999n });
    late.set([0, 0xca, 0x9a, 0x3b], 9);
    expect(outcome(sectorPlottingProgress as Codec<unknown>, late)).toBe('refused');
    const starting = encodeWith(sectorUpdate, {
      kind: 'plotting',
      details: { kind: 'starting', progress: 1, replotting: false, lastQueued: false },
    });
    starting.set([0, 0, 0xc0, 0x7f], 2);
    expect(outcome(sectorUpdate as Codec<unknown>, starting)).toBe('refused');
  });
});

describe('subjects of the cluster', () => {
  it('name their message and instance', () => {
    for (const [name, message] of Object.entries(clusterMessages)) {
      const subject = subjectOf(message, ULID);
      const instance = message.subject.includes('*') ? ULID : null;
      expect(messageOfSubject(subject)).toEqual({ name, message, instance });
    }
  });

  it.each([
    '',
    'subspace',
    'subspace.controller',
    'subspace.controller.slot-info.more',
    'subspace.controller..solution',
    'subspace.controller.*.solution',
    'subspace.farmer.a b.sector-update',
    'other.controller.slot-info',
  ])('“%s” is foreign', (subject) => {
    expect(() => messageOfSubject(subject)).toThrow(ProtocolError);
  });

  it('take no instance that would change their meaning', () => {
    for (const instance of ['', 'a.b', '>', 'a b', 'a*'])
      expect(() => subjectOf(clusterMessages.solution, instance)).toThrow(RangeError);
  });

  it('carry the identifier that copies are told apart by', () => {
    const [slot] = samples.slotInfo.payload;
    expect(headersOf(clusterMessages.slotInfo, slot as never)).toBe(
      'NATS/1.0\r\nNats-Msg-Id: slot-info-24\r\n\r\n',
    );
    expect(headersOf(clusterMessages.archivedSegmentHeader, header)).toContain('archived-segment-7');
    expect(headersOf(clusterMessages.identifyFarmers, null)).toBeNull();
  });
});

describe('ulid', () => {
  it('is 128 bits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (value) => {
        expect(ulidToInteger(ulidFromInteger(value))).toBe(value);
      }),
    );
    expect(ulidFromInteger(ulidToInteger(ULID))).toBe(ULID);
    expect(() => ulidToInteger('8ZZZZZZZZZZZZZZZZZZZZZZZZZ')).toThrow(ProtocolError);
    expect(() => ulidToInteger(ULID.toLowerCase())).toThrow(ProtocolError);
    expect(() => ulidFromInteger(-1n)).toThrow(RangeError);
  });
});
