import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as x509 from '@peculiar/x509';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, equal, toHex, utf8 } from '../protocol/bytes.ts';
import {
  agentPurpose,
  alternativeUris,
  basicConstraints,
  commonNameText,
  decodeCertificate,
  decodeTbs,
  keyUsage,
} from './certificate.ts';
import { DecodeError, ProtocolError } from '../protocol/errors.ts';
import { toBase64Url } from '../wallet/json.ts';
import {
  bitString,
  contextTag,
  element,
  integer,
  octetString,
  oid,
  readDer,
  sequence,
  setOf,
  TAG,
} from './der.ts';
import { autoIdOf } from './identifier.ts';
import {
  AUTHORITY_USAGES,
  decodeRequest,
  issueCertificate,
  LEAF_USAGES,
  nameOf,
  newSerial,
  requestCertificate,
  type CertificateDraft,
} from './issue.ts';
import {
  ecKey,
  ed25519Key,
  publicKeyInfoOf,
  signatureAlgorithmOf,
  signDer,
  type SigningKey,
} from './keys.ts';
import { OID } from './oids.ts';
import { decodePem, encodePem } from './pem.ts';
import { decodePkcs12, encodePkcs12 } from './pkcs12.ts';
import {
  decryptPkcs8,
  ecPkcs8,
  ed25519Pkcs8,
  encryptPbes2,
  encryptPkcs8,
  importPrivateKey,
} from './private-key.ts';
import { decodeEcdsa, encodeEcdsa, verifySignature } from './signature.ts';
import { judge } from './verdict.ts';

const run = promisify(execFile);
const openssl = (...args: string[]) => run('openssl', args).then(({ stdout, stderr }) => stdout + stderr);
const hasOpenssl = await openssl('version').then(
  () => true,
  () => false,
);

const NOW = Math.floor(Date.now() / 1000) * 1000;
const DAY = 86_400_000;
const edSeed = new Uint8Array(32).fill(1);
const ecSecret = new Uint8Array(32).fill(2);
const rootKey = ecKey('p256', ecSecret);
const leafKey = ed25519Key(edSeed);

function draft(more: Partial<CertificateDraft> & Pick<CertificateDraft, 'commonName'>): CertificateDraft {
  return {
    publicKeyInfo: rootKey.publicKeyInfo,
    issuer: null,
    notBefore: NOW - DAY,
    notAfter: NOW + 365 * DAY,
    did: 'did:autoid:off:00',
    authority: { pathLength: 2 },
    usages: AUTHORITY_USAGES,
    ...more,
  };
}

async function chain(root: SigningKey = rootKey, leaf: SigningKey = leafKey) {
  const rootDer = await issueCertificate(
    root,
    draft({ commonName: 'Ada', publicKeyInfo: root.publicKeyInfo }),
  );
  const leafDer = await issueCertificate(
    root,
    draft({
      commonName: 'Calendar agent',
      publicKeyInfo: leaf.publicKeyInfo,
      issuer: { name: decodeCertificate(rootDer).tbs.subject, publicKeyInfo: root.publicKeyInfo },
      authority: null,
      usages: LEAF_USAGES,
      extendedUsages: [OID.emailProtection],
      purpose: 'Reads my calendar',
      did: 'did:autoid:off:11',
    }),
  );
  return { rootDer, leafDer };
}

/** The result, or the code of the typed refusal; other errors go on. */
function outcome(call: () => string): string {
  try {
    return call();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'x509-'));
});
const file = async (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};

describe('certificates of our own', () => {
  it('say what they were made to say', async () => {
    const { leafDer } = await chain();
    const { tbs } = decodeCertificate(leafDer);
    expect(commonNameText(tbs)).toBe('Calendar agent');
    expect(agentPurpose(tbs)).toBe('Reads my calendar');
    expect(alternativeUris(tbs)).toEqual(['did:autoid:off:11']);
    expect(basicConstraints(tbs)).toEqual({ authority: false, pathLength: null });
    expect(keyUsage(tbs)).toEqual(['digitalSignature']);
    expect(tbs.serialOctets).toHaveLength(16);
    expect([tbs.notBefore, tbs.notAfter]).toEqual([NOW - DAY, NOW + 365 * DAY]);
  });

  it('have serials that are positive, random and never padded', () => {
    const serials = Array.from({ length: 500 }, newSerial);
    expect(serials.every((serial) => serial.length === 16 && serial[0]! >= 1 && serial[0]! <= 0x7f)).toBe(
      true,
    );
    expect(new Set(serials.map(toHex)).size).toBe(500);
  });

  it('are refused names that X.520 forbids', () => {
    for (const name of ['', 'x'.repeat(65), 'a\u0000b', 'line\nbreak'])
      expect(() => nameOf(name)).toThrow('common-name');
    expect(nameOf('x'.repeat(64))).toBeInstanceOf(Uint8Array);
  });

  it('may not end before they begin', async () => {
    await expect(
      issueCertificate(rootKey, draft({ commonName: 'A', notAfter: NOW - 2 * DAY })),
    ).rejects.toThrow('validity');
  });

  it('no changed byte is accepted', async () => {
    const { rootDer, leafDer } = await chain();
    const root = decodeCertificate(rootDer);
    fc.assert(
      fc.property(fc.nat(leafDer.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = leafDer.slice();
        changed[at]! ^= mask;
        const judged = () => {
          const both = [root, decodeCertificate(changed)];
          return judge({ chain: both, state: null, now: NOW, seenRevoked: new Set() }).certificates;
        };
        expect(outcome(judged)).not.toBe('ok');
      }),
      { numRuns: 150 },
    );
  });

  it('no cut or lengthened certificate decodes', async () => {
    const { leafDer } = await chain();
    for (let length = 0; length < leafDer.length; length += 7)
      expect(() => decodeCertificate(leafDer.slice(0, length))).toThrow('decode');
    expect(() => decodeCertificate(concat(leafDer, new Uint8Array(1)))).toThrow('trailing');
    expect(() => decodeCertificate(new Uint8Array(70_000))).toThrow('at most');
  });
});

describe('strict DER', () => {
  it.each([
    [[0x30, 0x80, 0x02, 0x01, 0x01, 0, 0], 'indefinite'],
    [[0x30, 0x81, 0x03, 0x02, 0x01, 0x01], 'shortest'],
    [[0x30, 0x82, 0x00, 0x03, 0x02, 0x01, 0x01], 'shortest'],
    [[0x30, 0x85, 1, 1, 1, 1, 1], 'length of 5'],
    [[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff], 'fewer follow'],
    [[0x30, 0x03, 0x02, 0x01], 'fewer follow'],
    [[0x3f, 0x1f, 0x00], '0x3f'],
    [[0x30, 0x03, 0x1f, 0x01, 0x01], '0x1f'],
    [[0x30, 0x04, 0x02, 0x02, 0x00, 0x01], 'shortest'],
    [[0x30, 0x04, 0x02, 0x02, 0xff, 0xff], 'shortest'],
    [[0x30, 0x02, 0x02, 0x00], 'empty'],
    [[0x30, 0x04, 0x02, 0x01, 0x01, 0x00], 'trailing'],
    [[0x30, 0x03, 0x02, 0x01, 0x01, 0x00], 'trailing'],
    [[], 'missing'],
  ])('refuses %j: %s', (bytes, reason) => {
    const read = () =>
      readDer(new Uint8Array(bytes), 'test', (reader) => {
        const inner = reader.enter(TAG.sequence);
        inner.integer();
        inner.finish();
      });
    expect(read).toThrow(reason);
  });

  it('bounds nesting', () => {
    let bytes: Uint8Array = new Uint8Array([0x05, 0x00]);
    for (let level = 0; level < 40; level += 1) bytes = concat(new Uint8Array([0x30, bytes.length]), bytes);
    expect(() =>
      readDer(bytes, 'test', (reader) => {
        let inner = reader;
        for (;;) inner = inner.enter(TAG.sequence);
      }),
    ).toThrow('nested');
  });
});

describe('the registry’s reading of a certificate', () => {
  async function tbsWithSerial(octets: number[]) {
    const der = await issueCertificate(rootKey, draft({ commonName: 'Ada', serial: new Uint8Array(octets) }));
    return decodeCertificate(der).tbs;
  }

  it('refuses parts of an ECDSA signature that are wider than the curve’s order', () => {
    const wide = encodeEcdsa(concat(new Uint8Array(33).fill(0x11), new Uint8Array(33).fill(0x22)));
    expect(() => decodeEcdsa(wide, 32)).toThrow(DecodeError);
    expect(decodeEcdsa(encodeEcdsa(new Uint8Array(64).fill(0xff)), 32)).toEqual(
      new Uint8Array(64).fill(0xff),
    );
  });

  it('takes the serial’s octets as an unsigned number', async () => {
    expect((await tbsWithSerial([0xff])).serial).toBe(255n);
    expect((await tbsWithSerial([])).serial).toBe(0n);
    expect((await tbsWithSerial([0, 0, 1])).serial).toBe(1n);
    expect((await tbsWithSerial([0, ...new Array<number>(32).fill(0xff)])).serial).toBe(2n ** 256n - 1n);
  });

  it('refuses serials that would bring its host down', async () => {
    await expect(tbsWithSerial(new Array<number>(33).fill(1))).rejects.toThrow('serial');
  });

  it('keeps what follows the certificate, for it is signed along', async () => {
    const { tbs } = decodeCertificate((await chain()).rootDer);
    const longer = concat(tbs.raw, utf8('more'));
    expect(equal(decodeTbs(longer).raw, longer)).toBe(true);
  });
});

describe('requests', () => {
  it('carry name, key and purpose, and prove the key', async () => {
    const der = await requestCertificate(leafKey, 'Calendar agent', 'Reads my calendar');
    expect(decodeRequest(der)).toEqual({
      commonName: 'Calendar agent',
      publicKeyInfo: leafKey.publicKeyInfo,
      purpose: 'Reads my calendar',
    });
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = der.slice();
        changed[at]! ^= mask;
        expect(() => decodeRequest(changed)).toThrow(/decode-|request-signature/);
      }),
      { numRuns: 200 },
    );
  });

  it('are not taken under a key of small order, for which everybody can sign', async () => {
    const neutral = concat(Uint8Array.of(1), new Uint8Array(31));
    const publicKeyInfo = publicKeyInfoOf({ kty: 'OKP', crv: 'Ed25519', x: toBase64Url(neutral) });
    const sign = async () => concat(neutral, new Uint8Array(32));
    const der = await requestCertificate({ algorithm: 'ed25519', publicKeyInfo, sign }, 'Anybody', null);
    expect(() => decodeRequest(der)).toThrow('weak-key');
  });

  it('have names and purposes that are text', async () => {
    const bytes = Uint8Array.of(0xff);
    const subject = sequence(setOf(sequence(oid(OID.commonName), element(TAG.utf8String, bytes))));
    const info = sequence(integer(0), subject, leafKey.publicKeyInfo, element(contextTag(0)));
    const signature = bitString(await signDer(leafKey, info));
    const request = sequence(info, signatureAlgorithmOf(leafKey.algorithm), signature);
    expect(() => decodeRequest(request)).toThrow(DecodeError);
    const purpose = { oid: OID.agentPurpose, critical: false, value: element(TAG.utf8String, bytes) };
    expect(() => agentPurpose({ extensions: [purpose] })).toThrow(DecodeError);
  });

  it('are made by another implementation as well', async () => {
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const made = await x509.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=Grace',
      keys,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    });
    expect(decodeRequest(new Uint8Array(made.rawData))).toMatchObject({ commonName: 'Grace', purpose: null });
  });
});

describe('another X.509 implementation', () => {
  it('accepts our certificates', async () => {
    for (const [root, leaf] of [
      [rootKey, leafKey],
      [leafKey, rootKey],
    ] as const) {
      const { rootDer, leafDer } = await chain(root, leaf);
      const [rootCert, leafCert] = [rootDer, leafDer].map((der) => new x509.X509Certificate(der.slice()));
      expect(await rootCert!.verify({ publicKey: await rootCert!.publicKey.export() })).toBe(true);
      expect(await leafCert!.verify({ publicKey: await rootCert!.publicKey.export() })).toBe(true);
      const built = await new x509.X509ChainBuilder({ certificates: [rootCert!] }).build(leafCert!);
      expect(built).toHaveLength(2);
      expect(leafCert!.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(false);
      const request = new x509.Pkcs10CertificateRequest((await requestCertificate(leaf, 'x', 'y')).slice());
      expect(await request.verify()).toBe(true);
    }
  });

  it('makes certificates that we accept', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const made = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '0123456789abcdef',
      name: 'CN=Grace, O=Navy',
      notBefore: new Date(NOW - DAY),
      notAfter: new Date(NOW + DAY),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    });
    const certificate = decodeCertificate(new Uint8Array(made.rawData));
    expect(certificate.tbs.serial).toBe(0x0123456789abcdefn);
    const verdict = judge({ chain: [certificate], state: null, now: NOW, seenRevoked: new Set() });
    expect(verdict).toEqual({ chain: 'not-anchored', strict: 'not-anchored', certificates: 'ok' });
  });
});

describe('keys in files', () => {
  it('come back from plain and encrypted PKCS#8', async () => {
    for (const pkcs8 of [
      ed25519Pkcs8(edSeed),
      ecPkcs8('p256', ecSecret),
      ecPkcs8('p384', new Uint8Array(48).fill(3)),
    ]) {
      const key = await importPrivateKey(pkcs8);
      const encrypted = await encryptPkcs8(pkcs8, 'a password');
      expect(await decryptPkcs8(encrypted, 'a password')).toEqual(pkcs8);
      await expect(decryptPkcs8(encrypted, 'another one')).rejects.toThrow('wrong-password');
      expect((await importPrivateKey(pkcs8)).publicKeyInfo).toEqual(key.publicKeyInfo);
    }
  });

  it('a wrong password whose padding happens to fit is still a wrong password', async () => {
    const { algorithm, ciphertext } = await encryptPbes2(utf8('decrypts, and is no key'), 'a password', 1000);
    const encrypted = sequence(algorithm, octetString(ciphertext));
    await expect(decryptPkcs8(encrypted, 'a password')).rejects.toThrow('wrong-password');
  });

  it('are refused when malformed or of another kind', async () => {
    const pkcs8 = ed25519Pkcs8(edSeed);
    for (let length = 0; length < pkcs8.length; length += 1)
      await expect(importPrivateKey(pkcs8.slice(0, length))).rejects.toThrow('decode');
    const x25519 = pkcs8.slice();
    x25519[11] = 0x6e;
    await expect(importPrivateKey(x25519)).rejects.toThrow('key-type');
  });

  it('come back from PKCS#12 with their certificates, under the right password only', async () => {
    const { rootDer, leafDer } = await chain();
    const content = { privateKey: ed25519Pkcs8(edSeed), certificates: [leafDer, rootDer] };
    const p12 = await encodePkcs12(content, 'pässword');
    expect(await decodePkcs12(p12, 'pässword')).toEqual(content);
    await expect(decodePkcs12(p12, 'password')).rejects.toThrow('wrong-password');
    const changed = p12.slice();
    changed[changed.length >> 1]! ^= 1;
    await expect(decodePkcs12(changed, 'pässword')).rejects.toThrow(/wrong-password|decode/);
    await expect(decodePkcs12(p12.slice(0, -1), 'pässword')).rejects.toThrow('decode');
    // Rounds of the integrity check stand last: as many as a hostile file would have them be.
    const slow = p12.slice();
    slow.set([0x0f, 0x42, 0x41], p12.length - 3);
    await expect(decodePkcs12(slow, 'pässword')).rejects.toThrow('1000001 exceeds 1000000');
  });

  it('PEM comes back, and what is no PEM is refused', () => {
    const der = new Uint8Array(100).map((_, index) => index);
    const text = `before\n${encodePem('CERTIFICATE', der)}between\n${encodePem('PRIVATE KEY', der.subarray(3))}`;
    expect(decodePem(text)).toEqual([
      { label: 'CERTIFICATE', der },
      { label: 'PRIVATE KEY', der: der.slice(3) },
    ]);
    for (const bad of ['', '-----BEGIN A-----AAA-----END A-----', '-----BEGIN A-----AAAA-----END B-----'])
      expect(() => decodePem(bad)).toThrow('pem');
  });
});

describe.skipIf(!hasOpenssl)('OpenSSL', () => {
  it('verifies our chain, reads our requests and keys', async () => {
    const { rootDer, leafDer } = await chain();
    const root = await file('root.pem', encodePem('CERTIFICATE', rootDer));
    const leaf = await file('leaf.pem', encodePem('CERTIFICATE', leafDer));
    expect(await openssl('verify', '-x509_strict', '-check_ss_sig', '-CAfile', root, leaf)).toContain('OK');
    const text = await openssl('x509', '-in', leaf, '-noout', '-text', '-nameopt', 'RFC2253');
    expect(text).toContain('CA:FALSE');
    expect(text).toContain('URI:did:autoid:off:11');
    const request = await file('leaf.csr', await requestCertificate(leafKey, 'Calendar agent', 'x'));
    expect(await openssl('req', '-inform', 'DER', '-in', request, '-verify', '-noout')).toContain('OK');
    const key = await file('key.p8', await encryptPkcs8(ecPkcs8('p256', ecSecret), 'pass'));
    const opened = await openssl('pkcs8', '-inform', 'DER', '-in', key, '-passin', 'pass:pass');
    const [block] = decodePem(opened);
    expect((await importPrivateKey(block!.der)).publicKeyInfo).toEqual(rootKey.publicKeyInfo);
  });

  it('opens our PKCS#12 and makes ones that we open', async () => {
    const { rootDer } = await chain();
    const content = { privateKey: ecPkcs8('p256', ecSecret), certificates: [rootDer] };
    const p12 = await file('ours.p12', await encodePkcs12(content, 'pass'));
    const opened = await openssl('pkcs12', '-in', p12, '-passin', 'pass:pass', '-nodes');
    const blocks = decodePem(opened);
    expect(blocks.find(({ label }) => label === 'CERTIFICATE')?.der).toEqual(rootDer);
    const cert = await file('root2.pem', encodePem('CERTIFICATE', rootDer));
    const key = await file('root2.key', encodePem('PRIVATE KEY', content.privateKey));
    const theirs = join(folder, 'theirs.p12');
    await openssl('pkcs12', '-export', '-in', cert, '-inkey', key, '-out', theirs, '-passout', 'pass:pass');
    const read = await decodePkcs12(new Uint8Array(await readFile(theirs)), 'pass');
    expect(read.certificates).toEqual([rootDer]);
    expect((await importPrivateKey(read.privateKey)).publicKeyInfo).toEqual(rootKey.publicKeyInfo);
  });

  it.each([
    ['ed25519', ['-algorithm', 'ed25519'], 'ed25519'],
    ['P-256', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'p256'],
    ['P-384', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], 'p384'],
    ['RSA', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], 'rsa'],
  ] as const)('makes %s certificates, requests and keys that we accept', async (name, args, algorithm) => {
    const key = join(folder, `${name}.key`);
    const cert = join(folder, `${name}.pem`);
    await openssl('genpkey', ...args, '-out', key);
    await openssl('req', '-x509', '-new', '-key', key, '-subj', '/CN=Grace', '-days', '9', '-out', cert);
    const certificate = decodeCertificate(decodePem(await readFile(cert, 'utf8'))[0]!.der);
    expect(
      judge({ chain: [certificate], state: null, now: Date.now() + 1000, seenRevoked: new Set() }),
    ).toEqual({
      chain: 'not-anchored',
      strict: 'not-anchored',
      certificates: 'ok',
    });
    const own = await importPrivateKey(decodePem(await readFile(key, 'utf8'))[0]!.der);
    expect(own.algorithm).toBe(algorithm);
    expect(own.publicKeyInfo).toEqual(certificate.tbs.publicKeyInfo);
    expect(toHex(autoIdOf(certificate.tbs.commonName, null))).toHaveLength(64);
    const request = await openssl('req', '-new', '-key', key, '-subj', '/CN=Grace');
    expect(decodeRequest(decodePem(request)[0]!.der)).toMatchObject({ commonName: 'Grace' });
    const ours = await file(
      `${name}-ours.pem`,
      encodePem(
        'CERTIFICATE',
        await issueCertificate(own, draft({ commonName: 'Grace', publicKeyInfo: own.publicKeyInfo })),
      ),
    );
    expect(await openssl('verify', '-x509_strict', '-check_ss_sig', '-CAfile', ours, ours)).toContain('OK');
  });

  it('signs with RSA-PSS what we verify, and nothing else', async () => {
    const key = join(folder, 'pss.key');
    const cert = join(folder, 'pss.pem');
    await openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', key);
    const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest', '-sha384'];
    await openssl('req', '-x509', '-new', '-key', key, '-subj', '/CN=PSS', ...pss, '-out', cert);
    const { tbs, signatureAlgorithm, signature } = decodeCertificate(
      decodePem(await readFile(cert, 'utf8'))[0]!.der,
    );
    expect(verifySignature(tbs.publicKeyInfo, signatureAlgorithm, tbs.raw, signature)).toBe(true);
    for (let bit = 0; bit < signature.length; bit += 16) {
      const changed = signature.slice();
      changed[bit]! ^= 4;
      expect(verifySignature(tbs.publicKeyInfo, signatureAlgorithm, tbs.raw, changed)).toBe(false);
    }
    expect(verifySignature(tbs.publicKeyInfo, signatureAlgorithm, tbs.raw, signature.slice(1))).toBe(false);
  });
});
