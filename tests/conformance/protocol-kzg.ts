/** The reference string, polynomial commitments, erasure coding, validity of pieces. */
import { readFile } from 'node:fs/promises';
import {
  commit,
  createWitness,
  evaluate,
  extend,
  extendCommitments,
  interpolate,
  isPoint,
  recover,
  recoverPolynomial,
  sumPoints,
  verifyOpening,
  verifyOpenings,
} from '../../src/crypto/kzg.ts';
import { invalidPieces, isRecordInSegment, pieceFault } from '../../src/crypto/piece.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import type { KzgOpening } from '../../src/crypto/jobs.ts';
import { concat, equal, fromHex, toHex } from '../../src/protocol/bytes.ts';
import { blake3Hash, hashToScalar } from '../../src/protocol/hash.ts';
import {
  casesOf,
  expectFacts,
  expectRefusal,
  expectRule,
  expectSame,
  fromJson,
  joinHex,
  namedBytes,
  namedScalars,
  refusal,
  splitHex,
  type Recorded,
} from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

const SRS_G1_POWERS = 32_768;
const FIELD_MODULUS =
  0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn;

/** The 48-byte form of a point of 96 bytes: x, with a flag for the larger y. */
function compress(point: Uint8Array): string {
  const bytes = point.slice(0, 48);
  const larger = BigInt(`0x${toHex(point.subarray(48))}`) > (FIELD_MODULUS - 1n) / 2n;
  bytes[0] = (bytes[0] as number) | (larger ? 0xa0 : 0x80);
  return toHex(bytes);
}

async function checkReferenceString(ctx: ConformanceContext): Promise<void> {
  const recorded = await ctx.read('srs.bin');
  expectSame('length', recorded.length, SRS_G1_POWERS * 48 + 65 * 96);
  const shipped = await readFile(new URL('../../public/srs-g1.bin', import.meta.url));
  expectSame('length of the shipped string', shipped.length, SRS_G1_POWERS * 96);
  for (let i = 0; i < SRS_G1_POWERS; i++) {
    const power = toHex(recorded.subarray(48 * i, 48 * (i + 1)));
    expectSame(`power ${i} in G1`, compress(shipped.subarray(96 * i, 96 * (i + 1))), power);
  }
  const tau = await readFile(new URL('../../wasm/kzg/src/tau_g2.bin', import.meta.url));
  const secondInG2 = SRS_G1_POWERS * 48 + 96;
  expectSame('power 1 in G2', new Uint8Array(tau), toHex(recorded.subarray(secondInG2, secondInG2 + 96)));
}

/** What the reference's libraries say of polynomials and points, and what this project says there. */
const REFUSALS = {
  'A list with power-of-two length expected': /^bad-length: .*does not fit a power of two$/,
  'Polynomial is longer than secret g1': /^bad-length: .*does not fit a committed polynomial$/,
  'Failed to uncompress': /^point-undecodable: /,
};

interface Witness extends Recorded {
  index: number;
  wrong_value: string;
  wrong_index: number;
}

interface KzgFile {
  label: string;
  polynomials: (Recorded & { n: number; data_name: string; witnesses: Witness[] })[];
  special: (Recorded & { name: string; values: string[]; index: number })[];
  non_power_of_two: { n: number; poly_ok: boolean; error: string | null }[];
  record_size: Recorded & {
    n: number;
    data_name: string;
    witnesses: (Recorded & { domain: number; index: number })[];
  };
  commit_65536_coefficients: { ok: boolean; error: string | null };
  g1_decoding: (Recorded & { name: string; bytes: string; decodes: boolean; error?: string })[];
  verify_mixed: {
    what: string;
    commitment: string;
    num_values: number;
    index: number;
    value: string;
    witness: string;
    verify: boolean;
  }[];
}

function checkPolynomial(label: string, record: KzgFile['polynomials'][number]): void {
  const { n } = record;
  const values = namedScalars(label, record.data_name, n);
  const coefficients = interpolate(values);
  const commitment = commit(coefficients);
  expectFacts(record, ['n', 'data_name', 'witnesses'], {
    values: splitHex(values, 32),
    coefficients: splitHex(coefficients, 32),
    coefficients_blake3: blake3Hash(coefficients),
    commitment,
  });
  for (const recorded of record.witnesses) {
    const { index } = recorded;
    const witness = createWitness(coefficients, n, index);
    const value = values.slice(32 * index, 32 * (index + 1));
    const opening: KzgOpening = { commitment, domain: n, index, value, witness };
    expectSame('value by evaluation', evaluate(coefficients, n, index), value);
    expectFacts(recorded, ['index', 'wrong_value', 'wrong_index'], {
      value,
      witness,
      verify: verifyOpening(opening),
      verify_wrong_value: verifyOpening({ ...opening, value: fromHex(recorded.wrong_value, 32) }),
      verify_wrong_index: verifyOpening({ ...opening, index: recorded.wrong_index }),
    });
  }
}

function checkSpecial(record: KzgFile['special'][number]): void {
  const values = joinHex(record.values);
  const coefficients = interpolate(values);
  const { index } = record;
  const domain = record.values.length;
  const commitment = commit(coefficients);
  const witness = createWitness(coefficients, domain, index);
  const value = values.slice(32 * index, 32 * (index + 1));
  expectFacts(record, ['name', 'values', 'index'], {
    coefficients: splitHex(coefficients, 32),
    commitment,
    witness,
    verify: verifyOpening({ commitment, domain, index, value, witness }),
  });
}

function checkRecordSize(label: string, record: KzgFile['record_size']): void {
  const coefficients = interpolate(namedScalars(label, record.data_name, record.n));
  const commitment = commit(coefficients);
  expectFacts(record, ['n', 'data_name', 'witnesses'], {
    coefficients_first8: splitHex(coefficients.subarray(0, 8 * 32), 32),
    coefficients_last2: splitHex(coefficients.subarray(-2 * 32), 32),
    coefficients_blake3: blake3Hash(coefficients),
    commitment,
  });
  const openings = record.witnesses.map((recorded): KzgOpening => {
    const { domain, index } = recorded;
    const value = evaluate(coefficients, domain, index);
    const witness = createWitness(coefficients, domain, index);
    const opening = { commitment, domain, index, value, witness };
    expectFacts(recorded, ['domain', 'index'], { value, witness, verify: verifyOpening(opening) });
    return opening;
  });
  expectSame('openings that fail together', verifyOpenings(openings), []);
}

type MixedCase = KzgFile['verify_mixed'][number];

function mixedOpening({ commitment, num_values, index, value, witness }: MixedCase): KzgOpening {
  return {
    commitment: fromHex(commitment),
    domain: num_values,
    index,
    value: fromHex(value),
    witness: fromHex(witness),
  };
}

function kzgCases(file: KzgFile): ConformanceCase[] {
  return [
    ...casesOf(
      file.polynomials,
      ({ n }) => ({ name: `polynomial of ${n} values`, rule: 'kzg' }),
      (record) => checkPolynomial(file.label, record),
    ),
    ...casesOf(file.special, ({ name }) => ({ name: `polynomial ${name}`, rule: 'kzg' }), checkSpecial),
    ...casesOf(
      file.non_power_of_two,
      ({ n }) => ({ name: `no polynomial of ${n} values`, rule: 'kzg-power-of-two' }),
      async ({ n, poly_ok, error }) => {
        const refused = await refusal(() => interpolate(new Uint8Array(32 * n)));
        expectSame('poly_ok', refused === null, poly_ok);
        expectRefusal(refused, error, REFUSALS);
      },
    ),
    {
      name: 'polynomial of a record',
      rule: 'kzg',
      run: () => checkRecordSize(file.label, file.record_size),
    },
    {
      name: 'no commitment to 65536 coefficients',
      rule: 'kzg-degree',
      run: async () => {
        const refused = await refusal(() => commit(new Uint8Array(65_536 * 32)));
        expectSame('ok', refused === null, file.commit_65536_coefficients.ok);
        expectRefusal(refused, file.commit_65536_coefficients.error, REFUSALS);
      },
    },
    ...casesOf(
      file.g1_decoding,
      ({ name }) => ({ name: `point ${name}`, rule: 'g1-decoding' }),
      async (record) => {
        const bytes = fromHex(record.bytes, 48);
        const decodes = isPoint(bytes);
        const refused = await refusal(() => sumPoints(bytes));
        expectFacts(record, ['name', 'bytes', 'error'], {
          decodes,
          reencoded: decodes ? sumPoints(bytes) : null,
        });
        expectRefusal(refused, record.error, REFUSALS);
      },
    ),
    ...casesOf(
      file.verify_mixed,
      ({ what }) => ({ name: `opening: ${what}`, rule: 'kzg-verify' }),
      (record) => expectSame('verify', verifyOpening(mixedOpening(record)), record.verify),
    ),
    {
      name: 'openings in one batch',
      rule: 'kzg-verify',
      run: () => {
        const wrong = file.verify_mixed.flatMap(({ verify }, index) => (verify ? [] : [index]));
        expectSame('those that fail', verifyOpenings(file.verify_mixed.map(mixedOpening)), wrong);
      },
    },
  ];
}

export const kzg: ConformanceSuite = {
  files: [/^kzg\.json$/, /^srs\.bin$/],
  async cases(ctx, files) {
    await loadSrs();
    const reference: ConformanceCase[] = files.includes('srs.bin')
      ? [{ name: 'reference string', rule: 'reference-string', run: () => checkReferenceString(ctx) }]
      : [];
    return [...reference, ...(await fromJson<KzgFile>(ctx, files, 'kzg.json', kzgCases))];
  },
};

/** What the reference's libraries say of erasure coding, and what this project says there. */
const ERASURE_REFUSALS = {
  'A non-zero list ab expected': /^bad-length: .* 0 does not fit a power of two$/,
  'A list with power-of-two length expected': /^bad-length: .* [1-9]\d* does not fit a power of two$/,
  'Supplied list is longer than the available max width': /^bad-length: .* can be extended$/,
  'Impossible to recover, too many shards are missing': /^too-many-missing: /,
};

interface Recovery {
  name: string;
  present: number[];
  ok: boolean;
  equals_original: boolean;
  error: string | null;
  poly_coefficients: string[] | { len: number; blake3: string } | null;
  poly_error: string | null;
  note?: string;
}

interface ErasureFile {
  label: string;
  small: (Recorded & { n: number; data_name: string; recover?: Recovery[] })[];
  extend_errors: { n: number; scale: number; ok: boolean; error: string | null }[];
  commitments: { n: number; source: string; extended_interleaved: string[] }[];
  full: Recorded & {
    n: number;
    data_name: string;
    recover: Recorded & { mask_name: string; mask_rule?: string };
  };
}

/** Source values at even and parity values at odd positions. */
function interleave(source: Uint8Array, parity: Uint8Array): Uint8Array {
  const shards = new Uint8Array(2 * source.length);
  for (let at = 0; at < source.length; at += 32) {
    shards.set(source.subarray(at, at + 32), 2 * at);
    shards.set(parity.subarray(at, at + 32), 2 * at + 32);
  }
  return shards;
}

/** The shards at these positions, the others zeroed, and the list of which are there. */
function withhold(shards: Uint8Array, positions: Iterable<number>): [Uint8Array, Uint8Array] {
  const kept = new Uint8Array(shards.length);
  const present = new Uint8Array(shards.length / 32);
  for (const position of positions) {
    present[position] = 1;
    kept.set(shards.subarray(32 * position, 32 * (position + 1)), 32 * position);
  }
  return [kept, present];
}

/** What is recorded where nothing was recovered. */
const NOT_RECOVERED = { equals_original: false, poly_coefficients: null };

async function checkRecovery(
  record: ErasureFile['small'][number],
  source: Uint8Array,
  recovery: Recovery,
): Promise<void> {
  const shards = interleave(source, extend(source));
  const [kept, present] = withhold(shards, recovery.present);
  const { ok, equals_original, error, poly_error, poly_coefficients } = recovery;
  if (recovery.present.length === 2 * record.n && error === 'panicked') {
    // Where nothing is missing the reference's library panics; the input is the answer.
    const panicked = { ok: false, poly_error: 'panicked', ...NOT_RECOVERED };
    expectSame('panic', panicked, { ok, poly_error, equals_original, poly_coefficients });
    expectSame('shards', recover(kept, present), shards);
    return;
  }
  const refused = await refusal(() => recover(kept, present));
  expectSame('ok', refused === null, ok);
  expectRefusal(refused, error, ERASURE_REFUSALS);
  expectRefusal(await refusal(() => recoverPolynomial(kept, present)), poly_error, ERASURE_REFUSALS);
  if (refused) {
    expectSame('nothing recovered', { equals_original, poly_coefficients }, NOT_RECOVERED);
    return;
  }
  expectSame('equals_original', equal(recover(kept, present), shards), equals_original);
  const coefficients = recoverPolynomial(kept, present);
  expectSame(
    'poly_coefficients',
    Array.isArray(poly_coefficients)
      ? splitHex(coefficients, 32)
      : { len: coefficients.length / 32, blake3: blake3Hash(coefficients) },
    poly_coefficients,
  );
}

/** Positions present after the mask: those with the smallest values, the lower position first among equals. */
function maskedPositions(label: string, name: string, count: number): number[] {
  const mask = namedBytes(label, name, 4 * count);
  const view = new DataView(mask.buffer, mask.byteOffset, mask.byteLength);
  const key = (index: number) => view.getUint32(4 * index, true);
  return Array.from({ length: count }, (_, index) => index)
    .sort((a, b) => key(a) - key(b) || a - b)
    .slice(0, count / 2);
}

function checkFullExtension(label: string, full: ErasureFile['full']): void {
  const source = namedScalars(label, full.data_name, full.n);
  const parity = extend(source);
  const groups = Array.from({ length: full.n / 1024 }, (_, i) =>
    blake3Hash(parity.subarray(i * 1024 * 32, (i + 1) * 1024 * 32)),
  );
  expectFacts(full, ['n', 'data_name', 'recover'], {
    source_blake3: blake3Hash(source),
    parity_first16: splitHex(parity.subarray(0, 16 * 32), 32),
    parity_blake3: blake3Hash(parity),
    parity_group_blake3_1024: groups,
  });
  const shards = interleave(source, parity);
  const order = `sort indices 0..${2 * full.n} by (u32le of mask[4i..4i+4], i)`;
  expectRule(`${order}; the first ${full.n} are present`, full.recover.mask_rule);
  const [kept, present] = withhold(shards, maskedPositions(label, full.recover.mask_name, 2 * full.n));
  const coefficients = recoverPolynomial(kept, present);
  expectFacts(full.recover, ['mask_name', 'mask_rule'], {
    recovered_interleaved_blake3: blake3Hash(recover(kept, present)),
    poly_len: coefficients.length / 32,
    poly_coefficients_blake3: blake3Hash(coefficients),
    poly_first4: splitHex(coefficients.subarray(0, 4 * 32), 32),
  });
}

/** Powers of τ in G1: commitments to the monomials. */
function referencePowers(count: number): Uint8Array {
  const powers = Array.from({ length: count }, (_, i) => {
    const monomial = new Uint8Array(32 * (i + 1));
    monomial[monomial.length - 1] = 1;
    return commit(monomial);
  });
  return concat(...powers);
}

function erasureCases(file: ErasureFile): ConformanceCase[] {
  return [
    ...file.small.flatMap((record) => {
      const source = namedScalars(file.label, record.data_name, record.n);
      const extension: ConformanceCase = {
        name: `extension of ${record.n} values`,
        rule: 'erasure-coding',
        run: () => {
          const parity = extend(source);
          expectFacts(record, ['n', 'data_name', 'recover'], {
            source: splitHex(source, 32),
            parity: splitHex(parity, 32),
            parity_blake3: blake3Hash(parity),
          });
        },
      };
      const recoveries = casesOf(
        record.recover ?? [],
        ({ name }) => ({ name: `recovery of ${record.n} values from ${name}`, rule: 'erasure-coding' }),
        (recovery) => checkRecovery(record, source, recovery),
      );
      return [extension, ...recoveries];
    }),
    ...casesOf(
      file.extend_errors,
      ({ n, scale }) => ({ name: `extension of ${n} values at scale ${scale}`, rule: 'erasure-coding' }),
      async ({ n, scale, ok, error }) => {
        const refused = await refusal(() => extend(new Uint8Array(32 * n), scale));
        expectSame('ok', refused === null, ok);
        expectRefusal(refused, error, ERASURE_REFUSALS);
      },
    ),
    ...casesOf(
      file.commitments,
      ({ n }) => ({ name: `extension of ${n} commitments`, rule: 'erasure-coding' }),
      ({ n, source, extended_interleaved }) => {
        expectSame('source', 'SRS G1 powers 0..n', source);
        expectSame('extended', splitHex(extendCommitments(referencePowers(n)), 48), extended_interleaved);
      },
    ),
    {
      name: 'extension and recovery of a record',
      rule: 'erasure-coding',
      run: () => checkFullExtension(file.label, file.full),
    },
  ];
}

export const erasure: ConformanceSuite = {
  files: [/^erasure\.json$/],
  async cases(ctx, files) {
    await loadSrs();
    return fromJson<ErasureFile>(ctx, files, 'erasure.json', erasureCases);
  },
};

interface PiecesFile {
  is_piece_valid: {
    what: string;
    base_file: string;
    xor_edits_offset_byte: [number, number][];
    segment_commitment: string;
    position: number;
    valid: boolean;
  }[];
  is_record_commitment_hash_valid: (Recorded & {
    commitment: string;
    witness: string;
    segment_commitment: string;
    position: number;
  })[];
}

async function pieceClaim(ctx: ConformanceContext, record: PiecesFile['is_piece_valid'][number]) {
  const piece = (await ctx.read(record.base_file)).slice();
  for (const [offset, byte] of record.xor_edits_offset_byte) piece[offset] = (piece[offset] as number) ^ byte;
  return { piece, segmentCommitment: fromHex(record.segment_commitment, 48), position: record.position };
}

export const pieces: ConformanceSuite = {
  files: [/^pieces\.json$/, /^piece_\d+_\d+\.bin$/],
  async cases(ctx, files) {
    await loadSrs();
    return fromJson<PiecesFile>(ctx, files, 'pieces.json', (file) => [
      ...casesOf(
        file.is_piece_valid,
        ({ what }) => ({ name: `piece: ${what}`, rule: 'piece-valid' }),
        async (record) =>
          expectSame('valid', pieceFault(await pieceClaim(ctx, record)) === null, record.valid),
      ),
      {
        name: 'pieces in one batch',
        rule: 'piece-valid',
        run: async () => {
          const claims = await Promise.all(file.is_piece_valid.map((record) => pieceClaim(ctx, record)));
          const wrong = file.is_piece_valid.flatMap(({ valid }, index) => (valid ? [] : [index]));
          expectSame('those that are not valid', invalidPieces(claims), wrong);
        },
      },
      ...casesOf(
        file.is_record_commitment_hash_valid,
        ({ position }, index) => ({
          name: `record commitment ${index} at ${position}`,
          rule: 'solution-record-witness',
        }),
        (record) => {
          const commitment = fromHex(record.commitment, 48);
          const witness = fromHex(record.witness, 48);
          const segment = fromHex(record.segment_commitment, 48);
          expectFacts(record, ['commitment', 'witness', 'segment_commitment', 'position'], {
            commitment_hash_scalar: hashToScalar(commitment),
            valid: isRecordInSegment(commitment, witness, segment, record.position),
          });
        },
      ),
    ]);
  },
};
