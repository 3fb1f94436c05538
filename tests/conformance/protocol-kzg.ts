/** The reference string and polynomial commitments. */
import { readFile } from 'node:fs/promises';
import type { KzgOpening } from '../../src/crypto/jobs.ts';
import {
  commit,
  createWitness,
  evaluate,
  interpolate,
  isPoint,
  sumPoints,
  verifyOpening,
  verifyOpenings,
} from '../../src/crypto/kzg.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import {
  casesOf,
  expectFacts,
  expectRefusal,
  expectSame,
  fromJson,
  joinHex,
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
  expectFacts(record, {
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
    expectFacts(recorded, {
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
  expectFacts(record, {
    coefficients: splitHex(coefficients, 32),
    commitment,
    witness,
    verify: verifyOpening({ commitment, domain, index, value, witness }),
  });
}

function checkRecordSize(label: string, record: KzgFile['record_size']): void {
  const coefficients = interpolate(namedScalars(label, record.data_name, record.n));
  const commitment = commit(coefficients);
  expectFacts(record, {
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
    expectFacts(recorded, { value, witness, verify: verifyOpening(opening) });
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
        expectFacts(record, {
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
