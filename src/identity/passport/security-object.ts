/** EF.SOD: the list of a passport's digests (LDS Security Object, ICAO Doc 9303-10) and its signature. */
import { DecodeError } from '../../protocol/errors.ts';
import { Refusal } from '../../wallet/errors.ts';
import { readAlgorithm } from '../certificate.ts';
import { readDer, TAG } from '../der.ts';
import { digest, hashOf, type PassportHash } from './algorithms.ts';
import { bounded, decodeSignedData, type SignedData } from './cms.ts';
import { equal } from '../../protocol/bytes.ts';

const LDS_SECURITY_OBJECT = '2.23.136.1.1.1';
const WHAT = 'security-object';
const MAX_BYTES = 128 * 1024;
const MAX_GROUPS = 16;

export interface SecurityObject {
  signed: SignedData;
  version: 0 | 1;
  hash: PassportHash;
  /** Digests by number of the data group. */
  digests: Map<number, Uint8Array>;
  /** Version of the logical data structure, such as `1.8`; null where the object does not say. */
  lds: string | null;
}

/**
 * Takes EF.SOD's content apart; its signature is not checked yet.
 *
 * @throws DecodeError; Refusal `content-type`, `signers`, `signed-attributes`, `message-digest`, `weak-algorithm`,
 *   `data-group-repeated`.
 */
export function decodeSecurityObject(der: Uint8Array): SecurityObject {
  const signed = decodeSignedData(bounded(der, MAX_BYTES, WHAT), LDS_SECURITY_OBJECT, WHAT);
  return readDer(signed.content, WHAT, (reader) => {
    const object = reader.enter(TAG.sequence, 'security object');
    const version = object.small('version', 1);
    const hash = hashOf(readAlgorithm(object), 'digests of the data groups');
    const list = object.enter(TAG.sequence, 'digests');
    const digests = new Map<number, Uint8Array>();
    while (!list.ended) {
      const entry = list.enter(TAG.sequence, 'digest');
      const number = entry.small('data group', MAX_GROUPS);
      const { content } = entry.expect(TAG.octetString, 'digest');
      entry.finish();
      if (number === 0 || content.length !== digest(hash, new Uint8Array()).length)
        list.fail(`digest of ${content.length} bytes for data group ${number}`);
      if (digests.has(number))
        throw new Refusal(
          'data-group-repeated',
          `two digests of data group ${number}`,
          `The signed list names data group ${number} twice.`,
        );
      digests.set(number, content);
    }
    if (digests.size < 2) list.fail(`${digests.size} digests`);
    let lds: string | null = null;
    if (version === 1) {
      const info = object.enter(TAG.sequence, 'version of the data');
      lds = new TextDecoder().decode(info.expect(TAG.printableString).content.subarray(0, 16));
      info.expect(TAG.printableString);
      info.finish();
    }
    object.finish();
    return { signed, version: version as 0 | 1, hash, digests, lds };
  });
}

/** Throws Refusal `data-group-unlisted`, `data-group-digest` unless every data group has its digest in the list. */
export function requireDigests(
  { digests, hash }: SecurityObject,
  groups: ReadonlyMap<number, Uint8Array>,
): void {
  if (groups.size === 0) throw new DecodeError(WHAT, 'no data group');
  for (const [number, file] of groups) {
    const expected = digests.get(number);
    if (expected === undefined)
      throw new Refusal(
        'data-group-unlisted',
        `data group ${number}`,
        `The passport’s signed list does not know data group ${number}.`,
      );
    if (!equal(digest(hash, file), expected))
      throw new Refusal(
        'data-group-digest',
        `data group ${number}`,
        `Data group ${number} was changed: it is not what the country signed.`,
      );
  }
}
