import { brainpoolP256r1, brainpoolP384r1, brainpoolP512r1 } from '@noble/curves/misc.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, utf8 } from '../../protocol/bytes.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { element, integer, oid, octetString, sequence, setOf, TAG } from '../der.ts';
import { OID } from '../oids.ts';
import {
  criticalExtension,
  dataGroup1,
  ecSigner,
  foundState,
  ldsObject,
  makeCertificate,
  makeMasterList,
  makeMrz,
  makePassport,
  makeRevocationList,
  rsaSigner,
  signedData,
  spelledOut,
  YEAR_MS,
  type CertificateParts,
  type PassportParts,
  type TestHash,
  type TestSigner,
  type Utopia,
} from '../testing/passport.ts';
import { REFERENCE_DG1, REFERENCE_DG14, REFERENCE_SOD } from '../testing/reference-passport.ts';
import { readAuthorities, type Authorities } from './authorities.ts';
import { sortFiles, type PassportFile } from './files.ts';
import { authenticate, type AuthenticPassport } from './passive.ts';

const NOW = Date.UTC(2027, 4, 1);

const certificateFile = (der: Uint8Array): PassportFile => ({ name: 'csca.cer', content: der });

const relying = (...states: Utopia[]): Authorities =>
  readAuthorities(states.map(({ authority }) => certificateFile(authority.der)));

const check = (
  files: readonly PassportFile[],
  authorities: Authorities | null,
  now = NOW,
): AuthenticPassport => authenticate(sortFiles(files), authorities, now);

/** Name of the check that refuses, or null. */
function refusal(act: () => unknown): string | null {
  try {
    act();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code === 'malformed' ? error.rule : error.code;
    throw error;
  }
  return null;
}

let utopia: Utopia;
let authorities: Authorities;
beforeAll(async () => {
  utopia = await foundState(NOW);
  authorities = relying(utopia);
});

describe('a passport', () => {
  const algorithms: [string, () => Promise<TestSigner> | TestSigner, TestHash][] = [
    ['ECDSA, P-256, SHA-256', () => ecSigner(p256), 'sha256'],
    ['ECDSA, P-256, SHA-224', () => ecSigner(p256, 'sha224'), 'sha224'],
    ['ECDSA, P-384, SHA-384', () => ecSigner(p384, 'sha384'), 'sha384'],
    ['ECDSA, P-521, SHA-512', () => ecSigner(p521, 'sha512'), 'sha512'],
    ['ECDSA, P-256, SHA-512', () => ecSigner(p256, 'sha512', oid(OID.p256)), 'sha256'],
    ['ECDSA, brainpoolP256r1, SHA-256', () => ecSigner(brainpoolP256r1), 'sha256'],
    ['ECDSA, brainpoolP384r1, SHA-256', () => ecSigner(brainpoolP384r1), 'sha512'],
    ['ECDSA, brainpoolP512r1, SHA-512', () => ecSigner(brainpoolP512r1, 'sha512'), 'sha512'],
    ['RSA, 2048 bits, SHA-256', () => rsaSigner(), 'sha256'],
    ['RSA, 2048 bits, SHA-512', () => rsaSigner('sha512'), 'sha224'],
    ['RSASSA-PSS, 2048 bits, SHA-256', () => rsaSigner('sha256', 32), 'sha256'],
    ['RSASSA-PSS, 2048 bits, SHA-384', () => rsaSigner('sha384', 20), 'sha384'],
  ];
  it.each(algorithms)('signed with %s is authentic', async (name, key, hash) => {
    const signer = await key();
    const state = await foundState(NOW, { authority: await key(), signer });
    const { files } = await makePassport(state, { hash, version: 1 });
    const found = check(files, relying(utopia, state));
    expect(found).toMatchObject({
      mrz: { surname: 'ERIKSSON', givenNames: 'ANNA MARIA', birthDate: '1974-08-12' },
      groups: [1, 2],
      listed: [1, 2, 14],
      lds: '0108',
      signer: { algorithm: name, country: 'UT' },
      authority: { algorithm: name },
    });
    expect(refusal(() => check(files, authorities))).toBe('document-signer-signature');
  });

  it('of the BSI’s reference data is authentic', () => {
    const given = { SOD: REFERENCE_SOD, DG1: REFERENCE_DG1, DG14: REFERENCE_DG14 };
    const files = [{ name: 'passport.json', content: utf8(JSON.stringify(given)) }];
    const then = Date.UTC(2014, 5, 1);
    expect(check(files, null, then)).toMatchObject({
      mrz: { issuingState: 'D', surname: 'MUSTERMANN', givenNames: 'ERIKA', expiryDate: '2023-10-31' },
      groups: [1, 14],
      listed: [1, 2, 3, 4, 14],
      signer: { country: 'DE', algorithm: 'RSASSA-PSS, 2048 bits, SHA-256' },
    });
    expect(refusal(() => check(files, null, then + YEAR_MS))).toBe('certificate-expired');
    expect(refusal(() => check(files, authorities, then))).toBe('csca-unknown');
  });

  it('is held against a master list, and against nothing where none is given', async () => {
    const { files } = await makePassport(utopia);
    const other = await foundState(NOW, {}, { country: 'SE' });
    const list = readAuthorities([await makeMasterList([utopia.authority, other.authority], NOW)]);
    expect(list.countries).toHaveLength(2);
    expect(list.listedBy[0]).toContain('Master List Signer Utopia');
    expect(check(files, list).authority?.subject).toContain('CSCA Utopia');
    expect(check(files, null).authority).toBeNull();
  });

  it('may leave its signer’s certificate to be given along', async () => {
    const { files } = await makePassport(utopia, { signed: { certificates: [] } });
    expect(refusal(() => check(files, authorities))).toBe('document-signer');
    const given = [utopia.authority, utopia.signer].map(({ der }) => certificateFile(der));
    expect(check(files, readAuthorities(given)).authority).not.toBeNull();
  });

  it('signed with SHA-256 although the algorithm names the key only is authentic', async () => {
    const state = await foundState(NOW, { signer: await rsaSigner() });
    const algorithm = sequence(oid(OID.rsaEncryption));
    const { files } = await makePassport(state, { signed: { algorithm } });
    expect(check(files, relying(state)).signer.algorithm).toBe('RSA, 2048 bits, SHA-256');
  });
});

describe('refused is a passport', () => {
  const hostile = async (
    parts: PassportParts,
    state: Utopia = utopia,
    relied: Authorities = relying(state),
  ) => {
    const { files } = await makePassport(state, parts);
    return refusal(() => check(files, relied));
  };
  const signer = async (parts: Partial<CertificateParts>) => foundState(NOW, {}, parts);

  it('whose data were changed', async () => {
    const { sod, dg1, dg2 } = await makePassport(utopia);
    const changed = { ...dg2, content: dg2.content.with(2000, 8) };
    expect(refusal(() => check([sod, dg1, changed], authorities))).toBe('data-group-digest');
    const other = { ...dg1, content: dataGroup1(makeMrz('TD3', { names: 'ERIKSSON<<EVE' })) };
    expect(refusal(() => check([sod, other, dg2], authorities))).toBe('data-group-digest');
  });

  it('with data that the signed list does not name', async () => {
    const { files } = await makePassport(utopia);
    const more = [...files, { name: 'EF.DG11.bin', content: element(0x6b, new Uint8Array(3)) }];
    expect(refusal(() => check(more, authorities))).toBe('data-group-unlisted');
  });

  it('whose signature is not over what it should be', async () => {
    expect(await hostile({ signed: { bare: true } })).toBe('signed-attributes');
    expect(await hostile({ signed: { signedType: OID.data } })).toBe('signed-attributes');
    expect(await hostile({ signed: { digested: new Uint8Array(3) } })).toBe('message-digest');
    expect(await hostile({ signed: { signed: new Uint8Array(3) } })).toBe('security-object-signature');
    expect(await hostile({ signed: { contentType: OID.data } })).toBe('content-type');
    expect(await hostile({ signed: { signers: 2 } })).toBe('signers');
    expect(await hostile({ signed: { signers: 0 } })).toBe('signers');
    const twice = [sequence(oid('1.2.840.113549.1.9.4'), setOf(octetString(new Uint8Array(32))))];
    expect(await hostile({ signed: { attributes: twice } })).toBe('decode-security-object');
  });

  it('of weak or unknown algorithms', async () => {
    expect(await hostile({ hash: 'sha1' })).toBe('weak-algorithm');
    expect(await hostile({ signed: { digestHash: 'sha1' } })).toBe('weak-algorithm');
    const weak = async (key: TestSigner) => hostile({}, await foundState(NOW, { signer: key }));
    expect(await weak(ecSigner(p256, 'sha1'))).toBe('weak-algorithm');
    expect(await weak(await rsaSigner('sha256', null, 1024))).toBe('weak-algorithm');
    const authority = await foundState(NOW, { authority: ecSigner(p256, 'sha1') });
    expect(await hostile({}, authority)).toBe('weak-algorithm');
    expect(await hostile({ signed: { algorithm: sequence(oid(OID.ed25519)) } })).toBe('unknown-algorithm');
  });

  it('over a curve with a generator of somebody’s own', async () => {
    const { BASE } = p256.Point;
    const parameters = spelledOut(p256, BASE.double().toBytes(false));
    const state = await foundState(NOW, { signer: ecSigner(p256, 'sha256', parameters) });
    expect(await hostile({}, state)).toBe('unknown-curve');
    const odd = await foundState(NOW, { signer: ecSigner(p256, 'sha256', oid('1.3.132.0.10')) });
    expect(await hostile({}, odd)).toBe('unknown-curve');
  });

  it('of a signer who may not sign it', async () => {
    expect(await hostile({}, await signer({ usages: ['keyAgreement'] }))).toBe('document-signer-usage');
    expect(await hostile({}, await signer({ usages: null }))).toBe('document-signer-usage');
    const both = await signer({ authority: true, usages: ['digitalSignature', 'keyCertSign'] });
    expect(await hostile({}, both)).toBe('document-signer-usage');
    expect(await hostile({}, await signer({ purposes: ['2.23.136.1.1.3'] }))).toBe('document-signer-usage');
    const odd = criticalExtension('1.2.3.4', sequence());
    expect(await hostile({}, await signer({ extensions: [odd] }))).toBe('critical-extension');
    const types = (...names: string[]) =>
      criticalExtension(
        '2.23.136.1.1.6.2',
        sequence(integer(0), setOf(...names.map((name) => element(TAG.printableString, utf8(name))))),
      );
    expect(await hostile({}, await signer({ extensions: [types('ID', 'V')] }))).toBe('document-type');
    expect(await hostile({}, await signer({ extensions: [types('P')] }))).toBeNull();
  });

  it('out of its time', async () => {
    const { files } = await makePassport(utopia);
    const at = (now: number) => refusal(() => check(files, authorities, now));
    expect(at(NOW - 2 * YEAR_MS)).toBe('certificate-not-yet-valid');
    expect(at(NOW + 6 * YEAR_MS)).toBe('document-expired');
    expect(at(NOW + 11 * YEAR_MS)).toBe('certificate-expired');
    const authority = await makeCertificate({
      key: utopia.authority.key,
      authority: true,
      notBefore: NOW - 2 * YEAR_MS,
      notAfter: NOW - YEAR_MS,
    });
    expect(refusal(() => check(files, relying({ ...utopia, authority })))).toBe('certificate-expired');
  });

  it('whose country is another, or nobody’s', async () => {
    const sweden = await foundState(NOW, {}, { country: 'SE' });
    expect(await hostile({}, sweden)).toBe('country');
    expect(await hostile({ mrz: makeMrz('TD3', { state: 'SWE' }) }, sweden)).toBeNull();
    expect(await hostile({ mrz: makeMrz('TD3', { state: 'QQQ' }) })).toBe('country-unknown');
    expect(await hostile({}, await foundState(NOW, {}, { country: null }))).toBe('country');
    expect(await hostile({}, utopia, relying(sweden))).toBe('csca-unknown');
    const namesake = await foundState(NOW);
    expect(await hostile({}, utopia, relying(namesake))).toBe('document-signer-signature');
    expect(await hostile({}, utopia, relying(namesake, utopia))).toBeNull();
  });

  it('under a certificate that may not issue others', async () => {
    const authority = await makeCertificate({
      key: ecSigner(),
      authority: true,
      usages: ['cRLSign'],
      notBefore: NOW - YEAR_MS,
      notAfter: NOW + YEAR_MS,
    });
    const under = await makeCertificate({
      key: ecSigner(),
      issuer: authority,
      notBefore: NOW - YEAR_MS,
      notAfter: NOW + YEAR_MS,
    });
    const { files } = await makePassport({ authority, signer: under });
    // It counts as no authority at all, so that none is known.
    expect(refusal(() => check(files, relying({ authority, signer: under })))).toBe('csca-unknown');
  });

  it('with wrong check digits', async () => {
    const mrz = makeMrz('TD3');
    for (const at of [53, 63, 71, 86, 87]) {
      const wrong = mrz.slice(0, at) + ((Number(mrz[at]) + 1) % 10) + mrz.slice(at + 1);
      expect(await hostile({ mrz: wrong }), `digit at ${at}`).toBe('mrz-check-digit');
    }
  });

  it('that is a bundle of something else', async () => {
    const { sod, dg1, dg2 } = await makePassport(utopia);
    const files = (...given: PassportFile[]) => refusal(() => check(given, authorities));
    expect(files(dg1, dg2)).toBe('security-object-missing');
    expect(files(sod, dg2)).toBe('data-group-missing');
    expect(files(sod, dg1, dg1)).toBe('data-group-repeated');
    expect(files(sod, sod, dg1)).toBe('data-group-repeated');
    expect(files(sod, dg1, { ...dg2, name: 'EF.DG3.bin' })).toBe('data-group-number');
    expect(files(sod, dg1, { name: 'photo.jpg', content: new Uint8Array([0xff, 0xd8]) })).toBe(
      'decode-passport-file',
    );
    for (const one of [sod, dg1, dg2]) {
      const others = [sod, dg1, dg2].filter((other) => other !== one);
      expect(files(...others, { ...one, content: concat(one.content, new Uint8Array(1)) })).toBe(
        'decode-passport-file',
      );
      expect(files(...others, { ...one, content: one.content.subarray(0, -1) })).toBe('decode-passport-file');
    }
    expect(files(sod, dg1, { name: 'x', content: new Uint8Array(2 ** 20 + 1).fill(0x75) })).toBe(
      'decode-passport-file',
    );
  });

  it('whose signed list is malformed', async () => {
    const { dg1 } = await makePassport(utopia);
    const listed = async (content: Uint8Array) => {
      const sod = element(0x77, await signedData({ content, signer: utopia.signer }));
      return refusal(() => check([dg1, { name: 'sod', content: sod }], authorities));
    };
    const first = [1, dg1.content] as const;
    expect(await listed(ldsObject([first, [2, dg1.content]], 'sha256'))).toBeNull();
    expect(await listed(ldsObject([first, first], 'sha256'))).toBe('data-group-repeated');
    expect(await listed(ldsObject([first], 'sha256'))).toBe('decode-security-object');
    expect(await listed(ldsObject([first, [17, dg1.content]], 'sha256'))).toBe('decode-security-object');
    expect(await listed(ldsObject([first, [2, dg1.content]], 'sha256', 2))).toBe('decode-security-object');
    const good = ldsObject([first, [2, dg1.content]], 'sha256');
    expect(await listed(concat(good, new Uint8Array([5, 0])))).toBe('decode-security-object');
    let deep: Uint8Array = new Uint8Array();
    for (let level = 0; level < 60; level += 1) deep = sequence(deep);
    expect(await listed(deep)).toBe('decode-security-object');
    const sod = element(0x77, new Uint8Array(200_000).fill(0x30));
    expect(refusal(() => check([dg1, { name: 'sod', content: sod }], authorities))).toBe(
      'decode-security-object',
    );
  });

  it('with any byte of EF.SOD changed, unless it says just the same', async () => {
    const { sod, dg1, dg2 } = await makePassport(utopia);
    const untouched = check([sod, dg1, dg2], authorities);
    let refused = 0;
    const change = (at: number, mask: number) => {
      const content = sod.content.with(at, sod.content[at]! ^ mask);
      const files = [{ ...sod, content }, dg1, dg2];
      // Hints outside of the signatures, such as the letters' case in the signer's name, may change and change nothing.
      let same: AuthenticPassport | null = null;
      const code = refusal(() => {
        same = check(files, authorities);
      });
      expect(code === null ? same : untouched).toEqual(untouched);
      if (code !== null) refused += 1;
    };
    fc.assert(fc.property(fc.nat(sod.content.length - 1), fc.integer({ min: 1, max: 255 }), change), {
      numRuns: 250,
    });
    expect(refused).toBeGreaterThan(215);
  });
});

describe('a list of withdrawn certificates', () => {
  const DAY = 86_400_000;
  const held = async (...lists: PassportFile[]) => {
    const { files } = await makePassport(utopia);
    const relied = readAuthorities([certificateFile(utopia.authority.der), ...lists]);
    return check(files, relied).authority!.notRevoked;
  };
  const list = (days: number, revoked: Utopia['signer'][] = [], extensions?: Uint8Array[]) =>
    makeRevocationList(utopia.authority, NOW + days * DAY, revoked, extensions);

  it('refuses a passport whose signer stands on the newest', async () => {
    const other = await foundState(NOW);
    expect(await held()).toBeNull();
    expect(await held(await list(-1, [other.signer]))).toMatchObject({ thisUpdate: NOW - DAY });
    expect(await held(await list(-1))).toMatchObject({ outdated: false });
    expect(await held(await list(-400))).toMatchObject({ outdated: true });
    const revoked = list(-2, [other.signer, utopia.signer]);
    await expect(held(await revoked)).rejects.toThrow('document-signer-revoked');
    await expect(held(await list(-3), await revoked)).rejects.toThrow('document-signer-revoked');
    expect(await held(await list(-1), await revoked)).toMatchObject({ thisUpdate: NOW - DAY });
  });

  it('counts for nothing where it is not the country’s, or covers nobody knows what', async () => {
    const other = await foundState(NOW);
    expect(await held(await makeRevocationList(other.authority, NOW, [utopia.signer]))).toBeNull();
    const sweden = await foundState(NOW, {}, { country: 'SE' });
    expect(await held(await makeRevocationList(sweden.authority, NOW, [utopia.signer]))).toBeNull();
    const delta = criticalExtension('2.5.29.27', integer(1));
    expect(await held(await list(-1, [utopia.signer], [delta]))).toBeNull();
    const good = await list(-1, [utopia.signer]);
    const forged = { ...good, content: good.content.with(good.content.length - 3, 0) };
    expect(await held(forged)).toBeNull();
    const cut = { name: 'x.crl', content: sequence(sequence(integer(1)), sequence(), sequence()) };
    expect(readAuthorities([cut])).toMatchObject({ unreadable: 1, revocations: [] });
  });
});

describe('a master list', () => {
  it('counts only with its signature, by a signer of lists that a country in it made one', async () => {
    const other = await foundState(NOW);
    const lists = [
      [await makeMasterList([utopia.authority], NOW, { signed: new Uint8Array(1) }), 'master-list-signature'],
      [await makeMasterList([utopia.authority], NOW, { digested: new Uint8Array(1) }), 'message-digest'],
      [await makeMasterList([utopia.authority], NOW, { certificates: [] }), 'master-list-signature'],
      [await makeMasterList([utopia.authority], NOW, {}, [OID.emailProtection]), 'master-list-signature'],
      [await makeMasterList([utopia.authority], NOW, { contentType: OID.data }), 'content-type'],
    ] as const;
    for (const [file, code] of lists) expect(refusal(() => readAuthorities([file]))).toBe(code);
    const content = sequence(integer(0), setOf(other.authority.der));
    const strange = await makeMasterList([utopia.authority], NOW, { content });
    expect(refusal(() => readAuthorities([strange]))).toBe('master-list-signature');
  });

  it('is not spoiled by one certificate that cannot be read, which is counted', async () => {
    const content = sequence(integer(0), setOf(utopia.authority.der, sequence(integer(1))));
    const list = await makeMasterList([utopia.authority], NOW, { content });
    expect(readAuthorities([list])).toMatchObject({ unreadable: 1, countries: [expect.anything()] });
  });

  it('may be a bundle in PEM, and nothing else', async () => {
    const pem = (der: Uint8Array) =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
    const text = utf8(`Utopia\n${pem(utopia.authority.der)}${pem(utopia.signer.der)}`);
    const found = readAuthorities([{ name: 'all.pem', content: text }]);
    expect(found).toMatchObject({ countries: [expect.anything()], signers: [expect.anything()] });
    for (const content of [utf8('nothing'), new Uint8Array(), new Uint8Array([1, 2, 3])])
      expect(refusal(() => readAuthorities([{ name: 'x', content }]))).toBe('decode-master-list');
  });

  it('may come as the directory’s text file, or in a zip', async () => {
    const list = await makeMasterList([utopia.authority], NOW);
    const body = Buffer.from(list.content)
      .toString('base64')
      .match(/.{1,70}/g)!
      .join('\n ');
    const ldif = utf8(`version: 1\n\ndn: o=ml\npkdMasterListContent:: ${body}\nsn: 1\n`);
    expect(readAuthorities([{ name: 'x.ldif', content: ldif }]).countries).toHaveLength(1);
    const { zipSync } = await import('fflate');
    const zip = zipSync({ 'a/countries.ml': list.content });
    expect(readAuthorities([{ name: 'x.zip', content: zip }]).countries).toHaveLength(1);
    const twice = { name: 'y.zip', content: zipSync({ 'x.zip': zip }) };
    expect(refusal(() => readAuthorities([twice]))).toBe('decode-master-list');
  });

  it('of a directory is left out, and counted, when it is not signed as it should be', async () => {
    const bad = await makeMasterList([utopia.authority], NOW, { signed: new Uint8Array(1) });
    const crl = await makeRevocationList(utopia.authority, NOW, []);
    const text = [
      ['pkdMasterListContent', bad.content],
      ['userCertificate;binary', utopia.signer.der],
      ['certificateRevocationList;binary', crl.content],
      ['cACertificate;binary', utopia.authority.der],
    ]
      .map(
        ([name, der]) => `dn: x\n${name as string}:: ${Buffer.from(der as Uint8Array).toString('base64')}\n`,
      )
      .join('\n');
    expect(readAuthorities([{ name: 'x.ldif', content: utf8(text) }])).toMatchObject({
      countries: [expect.anything()],
      signers: [expect.anything()],
      revocations: [expect.anything()],
      unreadable: 1,
    });
  });
});
