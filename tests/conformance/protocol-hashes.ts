/** Hashes and scalars. */
import { fromHex } from '../../src/protocol/bytes.ts';
import { SCALAR_MODULUS } from '../../src/protocol/constants.ts';
import { blake3Hash, blake3KeyedHash, hashToScalar } from '../../src/protocol/hash.ts';
import { isCanonicalScalar, scalarFromSafeBytes, scalarToSafeBytes } from '../../src/protocol/scalar.ts';
import { casesOf, expectFacts, expectSame, fromJson, namedBytes, type Recorded } from './protocol-support.ts';
import type { ConformanceSuite } from './types.ts';

interface HashesFile {
  label: string;
  key: string;
  hashes: (Recorded & { len: number; data_name: string; split_points: [number, number] })[];
  scalar_modulus_be: string;
  scalars_full: (Recorded & { name: string; bytes: string; valid: boolean; error?: string | null })[];
  scalars_from_safe_bytes: (Recorded & { safe_bytes: string })[];
}

export const hashes: ConformanceSuite = {
  files: [/^hashes\.json$/],
  cases: (ctx, files) =>
    fromJson<HashesFile>(ctx, files, 'hashes.json', (file) => [
      {
        name: 'key and modulus',
        rule: 'hashes',
        run: () =>
          expectFacts(file as unknown as Recorded, {
            key: namedBytes(file.label, 'hash-key', 32),
            scalar_modulus_be: SCALAR_MODULUS.toString(16),
          }),
      },
      ...casesOf(
        file.hashes,
        ({ len }) => ({ name: `hashes of ${len} bytes`, rule: 'blake3' }),
        (record) => {
          const key = fromHex(file.key, 32);
          const data = namedBytes(file.label, record.data_name, record.len);
          const [a, b] = record.split_points;
          const parts = [data.subarray(0, a), data.subarray(a, b), data.subarray(b)];
          expectFacts(record, {
            data,
            blake3: blake3Hash(data),
            blake3_with_key: blake3KeyedHash(key, data),
            blake3_list: blake3Hash(...parts),
            blake3_list_with_key: blake3KeyedHash(key, ...parts),
            blake3_254_scalar_be: hashToScalar(data),
          });
        },
      ),
      ...casesOf(
        file.scalars_full,
        ({ name }) => ({ name: `scalar ${name}`, rule: 'canonical-scalar' }),
        (record) => {
          const bytes = fromHex(record.bytes, 32);
          const valid = isCanonicalScalar(bytes);
          expectFacts(record, {
            valid,
            to_bytes: valid ? bytes : null,
            safe_bytes: scalarToSafeBytes(bytes),
          });
          if (record.error !== undefined) expectSame('refusal', !valid, record.error !== null);
        },
      ),
      ...casesOf(
        file.scalars_from_safe_bytes,
        (_, index) => ({ name: `scalar from safe bytes ${index}`, rule: 'safe-bytes-scalar' }),
        (record) =>
          expectFacts(record, {
            scalar_be: scalarFromSafeBytes(fromHex(record.safe_bytes, 31)),
          }),
      ),
    ]),
};
