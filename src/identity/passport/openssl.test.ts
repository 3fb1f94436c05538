/** Passports, master lists and revocation lists that OpenSSL made, where it is installed. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { element, integer, sequence, setOf } from '../der.ts';
import { dataGroup1, dataGroup2, ldsObject, makeMrz, type TestHash } from '../testing/passport.ts';
import { readAuthorities } from './authorities.ts';
import { sortFiles } from './files.ts';
import { authenticate } from './passive.ts';

const run = promisify(execFile);
const hasOpenssl = await run('openssl', ['version']).then(
  ({ stdout }) => stdout.startsWith('OpenSSL 3'),
  () => false,
);
/** Later than everything that is made here, whenever that is. */
const now = Date.now() + 3_600_000;
const SLOW_MS = 120_000;

const AUTHORITY = ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign'];
const SIGNER = ['basicConstraints=CA:FALSE', 'keyUsage=critical,digitalSignature'];
const LIST_SIGNER = [...SIGNER, 'extendedKeyUsage=critical,2.23.136.1.1.3'];
const IDENTIFIERS = ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid'];

/** A folder in which OpenSSL founds Utopia. */
async function withOpenssl<T>(act: (state: Awaited<ReturnType<typeof found>>) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'passport-'));
  try {
    return await act(await found(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function found(folder: string) {
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const certificate = async (
    name: string,
    extensions: string[],
    issuer: string | null,
    key: string[],
    sign: string[],
  ) => {
    await openssl('genpkey', ...key, '-out', `${name}.key`);
    await writeFile(at(`${name}.ext`), [...extensions, ...IDENTIFIERS].join('\n'));
    const subject = ['-subj', `/C=UT/O=Ministry of Papers/CN=${name}`];
    await openssl('req', '-new', '-key', `${name}.key`, ...subject, '-out', `${name}.csr`);
    const above =
      issuer === null ? ['-key', `${name}.key`] : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`];
    const signing = [...above, ...sign, '-extfile', `${name}.ext`, '-days', '900', '-out', `${name}.pem`];
    await openssl('x509', '-req', '-in', `${name}.csr`, ...signing);
    await openssl('x509', '-in', `${name}.pem`, '-outform', 'DER', '-out', `${name}.der`);
    return new Uint8Array(await readFile(at(`${name}.der`)));
  };
  const signed = async (content: Uint8Array, type: string, signer: string, options: string[]) => {
    await writeFile(at('content'), content);
    const encoding = ['-binary', '-nodetach', '-nosmimecap', '-outform', 'DER', '-out', 'signed'];
    const by = ['-signer', `${signer}.pem`, '-inkey', `${signer}.key`, ...options];
    await openssl('cms', '-sign', '-in', 'content', '-econtent_type', type, ...by, ...encoding);
    return new Uint8Array(await readFile(at('signed')));
  };
  const revoked = async (authority: string, gone: string) => {
    await writeFile(at('index.txt'), '');
    await writeFile(at('number'), '01');
    const config = '[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\n';
    await writeFile(at('ca.cnf'), config);
    const by = ['-config', 'ca.cnf', '-cert', `${authority}.pem`, '-keyfile', `${authority}.key`];
    await openssl('ca', ...by, '-revoke', `${gone}.pem`);
    await openssl('ca', ...by, '-gencrl', '-crldays', '30', '-out', 'list.crl');
    return new Uint8Array(await readFile(at('list.crl')));
  };
  return { certificate, signed, revoked };
}

const ec = (curve: string) =>
  `-algorithm EC -pkeyopt ec_paramgen_curve:${curve} -pkeyopt ec_param_enc:explicit`.split(' ');
const RSA = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'];
const PSS = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'];
const PSS_CMS = ['-keyopt', 'rsa_padding_mode:pss', '-keyopt', 'rsa_pss_saltlen:digest'];

const expiry = new Date(now + 1000 * 86_400_000).toISOString().slice(2, 10).replaceAll('-', '');
const dg1 = dataGroup1(makeMrz('TD3', { expiry }));
const dg2 = dataGroup2();
const lds = (hash: TestHash) =>
  ldsObject(
    [
      [1, dg1],
      [2, dg2],
    ],
    hash,
    1,
  );

describe.skipIf(!hasOpenssl)('made by OpenSSL', () => {
  it.each([
    ['ECDSA, P-256, SHA-256', ec('P-256'), [], [], 'sha256'],
    ['ECDSA, P-224, SHA-224', ec('secp224r1'), [], [], 'sha224'],
    ['ECDSA, P-521, SHA-512', ec('P-521'), [], [], 'sha512'],
    ['ECDSA, brainpoolP224r1, SHA-224', ec('brainpoolP224r1'), [], [], 'sha224'],
    ['ECDSA, brainpoolP256r1, SHA-256', ec('brainpoolP256r1'), [], [], 'sha256'],
    ['ECDSA, brainpoolP320r1, SHA-384', ec('brainpoolP320r1'), [], [], 'sha384'],
    ['ECDSA, brainpoolP384r1, SHA-384', ec('brainpoolP384r1'), [], [], 'sha384'],
    ['ECDSA, brainpoolP512r1, SHA-512', ec('brainpoolP512r1'), [], [], 'sha512'],
    ['RSA, 2048 bits, SHA-256', RSA, [], [], 'sha256'],
    ['RSASSA-PSS, 2048 bits, SHA-512', RSA, PSS, PSS_CMS, 'sha512'],
  ] as const)(
    'a passport signed with %s is authentic',
    async (name, key, sign, cms, hash) => {
      await withOpenssl(async ({ certificate, signed }) => {
        const authority = await certificate('csca', AUTHORITY, null, [...key], [...sign, `-${hash}`]);
        await certificate('ds', SIGNER, 'csca', [...key], [...sign, `-${hash}`]);
        const sod = await signed(lds(hash), '2.23.136.1.1.1', 'ds', [...cms, '-md', hash]);
        const contents = [element(0x77, sod), dg1, dg2];
        const files = contents.map((content, index) => ({ name: `${index}`, content }));
        const relied = readAuthorities([{ name: 'csca.der', content: authority }]);
        expect(authenticate(sortFiles(files), relied, now)).toMatchObject({
          signer: { algorithm: name, subject: 'ds, Ministry of Papers, UT' },
          authority: { subject: 'csca, Ministry of Papers, UT' },
        });
        const other = files.toSpliced(2, 1, { name: 'dg2', content: dg2.with(90, 1) });
        expect(() => authenticate(sortFiles(other), relied, now)).toThrow('data-group-digest');
      });
    },
    SLOW_MS,
  );

  it(
    'a signer named by its key, a master list and a list of withdrawn certificates count',
    async () => {
      await withOpenssl(async ({ certificate, signed, revoked }) => {
        const key = ec('P-256');
        const authority = await certificate('csca', AUTHORITY, null, key, []);
        await certificate('ds', SIGNER, 'csca', key, []);
        await certificate('lister', LIST_SIGNER, 'csca', key, []);
        const sod = await signed(lds('sha256'), '2.23.136.1.1.1', 'ds', ['-keyid']);
        const files = [element(0x77, sod), dg1].map((content, index) => ({ name: `${index}`, content }));
        const members = sequence(integer(0), setOf(authority));
        const list = { name: 'all.ml', content: await signed(members, '2.23.136.1.1.2', 'lister', []) };
        const relied = readAuthorities([list]);
        expect(relied).toMatchObject({ listedBy: ['lister, Ministry of Papers, UT'], unreadable: 0 });
        expect(authenticate(sortFiles(files), relied, now).authority).not.toBeNull();
        const gone = { name: 'list.crl', content: await revoked('csca', 'ds') };
        const informed = readAuthorities([list, gone]);
        expect(() => authenticate(sortFiles(files), informed, now)).toThrow('document-signer-revoked');
        const unfit = await signed(members, '2.23.136.1.1.2', 'ds', []);
        expect(() => readAuthorities([{ name: 'x', content: unfit }])).toThrow('master-list-signature');
      });
    },
    SLOW_MS,
  );
});
