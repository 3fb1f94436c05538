import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import {
  agentPurpose,
  decodeName,
  decodeTbs,
  extendedKeyUsage,
  keyUsage,
  readExtensions,
  type Extension,
} from './certificate.ts';
import { chainOf, chainToPem, fromX5c, orderChain, readChain, toX5c } from './chain.ts';
import {
  bitString,
  DerReader,
  element,
  integer,
  octetString,
  oid,
  readDer,
  readTime,
  sequence,
  setOf,
  TAG,
  time,
  utf8String,
} from './der.ts';
import { issueCertificate, LEAF_USAGES } from './issue.ts';
import { ecKey, signatureAlgorithmOf } from './keys.ts';
import { OID } from './oids.ts';
import { decodePem, encodePem } from './pem.ts';

const key = ecKey('p256', new Uint8Array(32).fill(5));
const times = (count: number, one: Uint8Array) => Array.from({ length: count }, () => one);
const holding = (oidOf: string, value: Uint8Array): { extensions: Extension[] } => ({
  extensions: [{ oid: oidOf, critical: false, value }],
});
const attribute = sequence(oid(OID.commonName), utf8String('a'));
const name = sequence(setOf(attribute));

function tbs(notBefore: Uint8Array, notAfter: Uint8Array): Uint8Array {
  const algorithm = signatureAlgorithmOf(key.algorithm);
  return sequence(integer(1), algorithm, name, sequence(notBefore, notAfter), name, key.publicKeyInfo);
}

describe('what a certificate holds at most', () => {
  it.each<[string, number, (count: number) => unknown]>([
    ['relative names', 64, (count) => decodeName(sequence(...times(count, setOf(attribute))))],
    [
      'attributes of a relative name',
      64,
      (count) => decodeName(sequence(element(TAG.set, ...times(count, attribute)))),
    ],
    [
      'extensions',
      64,
      (count) => {
        const one = sequence(oid(OID.keyUsage), octetString(new Uint8Array(0)));
        return readExtensions(new DerReader(sequence(...times(count, one)), 'certificate'));
      },
    ],
    [
      'purposes',
      64,
      (count) =>
        extendedKeyUsage(holding(OID.extendedKeyUsage, sequence(...times(count, oid(OID.emailProtection))))),
    ],
    [
      'bytes of an agent’s purpose',
      1024,
      (count) => agentPurpose(holding(OID.agentPurpose, utf8String('a'.repeat(count)))),
    ],
    ['PEM blocks', 32, (count) => decodePem(encodePem('CERTIFICATE', Uint8Array.of(1)).repeat(count))],
    [
      'characters of PEM',
      1024 * 1024,
      (count) => decodePem(encodePem('CERTIFICATE', Uint8Array.of(1)).padEnd(count)),
    ],
  ])('%s: %i', (_, most, read) => {
    expect(() => read(most)).not.toThrow();
    expect(() => read(most + 1)).toThrow(DecodeError);
  });

  it.each([
    ['80', ['digitalSignature']],
    ['01', ['encipherOnly']],
  ])('bits of usage: %s', (hex, usages) => {
    const usage = (...content: number[]) =>
      keyUsage(holding(OID.keyUsage, element(TAG.bitString, Uint8Array.from(content))));
    expect(usage(0, Number.parseInt(hex, 16))).toEqual(usages);
    expect(usage(7, 0, 0x80)).toEqual(['decipherOnly']);
    expect(keyUsage(holding(OID.keyUsage, bitString(Uint8Array.of(0x80), 7)))).toEqual(['digitalSignature']);
    for (const wrong of [[], [8, 0x80], [0, 0, 0, 0]]) expect(() => usage(...wrong)).toThrow(DecodeError);
  });
});

describe('the validity of a certificate', () => {
  const utc = (text: string) => element(TAG.utcTime, utf8(text));
  const general = (text: string) => element(TAG.generalizedTime, utf8(text));
  const moment = (der: Uint8Array) => readDer(der, 'time', readTime);

  it('is not before 1970', () => {
    const later = time(2_000_000_000_000);
    expect(decodeTbs(tbs(time(0), later)).notBefore).toBe(0);
    expect(() => decodeTbs(tbs(utc('691231235959Z'), later))).toThrow(DecodeError);
    expect(() => decodeTbs(tbs(time(0), utc('691231235959Z')))).toThrow(DecodeError);
  });

  it.each([
    [utc('491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59)],
    [utc('500101000000Z'), Date.UTC(1950, 0, 1)],
    [utc('2401010000Z'), Date.UTC(2024, 0, 1)],
    [utc('240229120000+0130'), Date.UTC(2024, 1, 29, 10, 30)],
    [utc('240229120000-0130'), Date.UTC(2024, 1, 29, 13, 30)],
    [general('20500101000000Z'), Date.UTC(2050, 0, 1)],
    [general('20500101000000.75Z'), Date.UTC(2050, 0, 1)],
  ])('counts seconds of case %#', (der, ms) => {
    expect(moment(der)).toBe(ms);
  });

  it.each([
    ['no time', utf8String('240101000000Z')],
    ['another kind of time', general('240101000000Z')],
    ['a day that is not', utc('230229000000Z')],
    ['a month that is not', utc('231301000000Z')],
    ['an hour that is not', utc('230101240000Z')],
    ['a minute that is not', utc('230101006000Z')],
    ['a second that is not', utc('230101000060Z')],
    ['no zone', utc('230101000000')],
    ['more digits than a moment has', general(`20230101000000.${'0'.repeat(40)}Z`)],
  ])('is refused: %s', (_, der) => {
    expect(() => moment(der)).toThrow(DecodeError);
  });
});

describe('certificates as files and in tokens', () => {
  const draft = {
    commonName: 'a',
    publicKeyInfo: key.publicKeyInfo,
    issuer: null,
    notBefore: 0,
    notAfter: 2_000_000_000_000,
    did: 'did:auto:a',
    authority: null,
    usages: LEAF_USAGES,
  };

  it('are read from DER and from PEM, whatever stands beside them', async () => {
    const der = await issueCertificate(key, draft);
    const chain = chainOf([der]);
    const pem = `${encodePem('PRIVATE KEY', der)}text\n${chainToPem(chain)}`;
    for (const file of [der, utf8(pem)]) expect(readChain(file).map(({ raw }) => raw)).toEqual([der]);
    expect(fromX5c(toX5c(chain)).map(({ raw }) => raw)).toEqual([der]);
    expect(() => fromX5c(['*'])).toThrow(DecodeError);
    expect(() => decodePem('-----BEGIN A-----\nAAA\n-----END A-----')).toThrow('not base 64');
    expect(() => decodePem('none')).toThrow('no PEM block');
    expect(() => readChain(concat(der, Uint8Array.of(0)))).toThrow(DecodeError);
  });

  it('are refused that form no single chain', async () => {
    const der = await issueCertificate(key, draft);
    const other = await issueCertificate(key, { ...draft, commonName: 'b' });
    expect(() => orderChain([der, other])).toThrow('2 roots');
    expect(() => orderChain([])).toThrow('0 roots');
    const child = await issueCertificate(key, {
      ...draft,
      commonName: 'c',
      issuer: {
        name: sequence(setOf(sequence(oid(OID.commonName), utf8String('z')))),
        publicKeyInfo: key.publicKeyInfo,
      },
    });
    expect(() => orderChain([der, child])).toThrow('no single chain');
  });
});
