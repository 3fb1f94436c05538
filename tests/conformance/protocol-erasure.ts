/** Erasure coding: extended shards, and recovery from those that are left. */
import { commit, extend, extendCommitments, recover, recoverPolynomial } from '../../src/crypto/kzg.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import { concat, equal } from '../../src/protocol/bytes.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import {
  casesOf,
  expectFacts,
  expectRefusal,
  expectRule,
  expectSame,
  fromJson,
  namedBytes,
  namedScalars,
  refusal,
  splitHex,
  type Recorded,
} from './protocol-support.ts';
import type { ConformanceCase, ConformanceSuite } from './types.ts';

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
  expectFacts(full, {
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
  expectFacts(full.recover, {
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
          expectFacts(record, {
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
