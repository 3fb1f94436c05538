/** How a member under Node.js is let in: certificates, credentials in files and in the environment. */
import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { TestCluster } from '../cluster/testing.ts';
import { describeWithNats } from '../cluster/testing-nats.ts';
import { joinCluster } from './cluster-join.ts';
import type { ClusterValues } from './cluster-options.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'allotment-join-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** A certificate of this machine's that vouches for itself: the server's, its authority's and a member's at once. */
async function certificate(name: string, host = '127.0.0.1'): Promise<{ cert: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }]),
    ],
  });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
  return { cert: file(`${name}.pem`, made.toString('pem')), key: file(`${name}.key`, key) };
}

describeWithNats('a member under Node.js', () => {
  let cluster: TestCluster | null = null;
  /** What the person was told last. */
  let sentence = '';

  afterEach(async () => {
    vi.unstubAllEnvs();
    await cluster?.stop();
    cluster = null;
  });

  async function serve(extra: string): Promise<void> {
    cluster = await TestCluster.start({ extra });
  }

  /** `in`, or why not. */
  async function enter(values: ClusterValues, protocol = 'nats', hosts = ['127.0.0.1']): Promise<string> {
    const stop = new AbortController();
    const said = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      // It would try again: a server may be on its way.
      if (String(text).includes('No NATS server answers')) stop.abort(new Error('unreachable'));
      return true;
    });
    const nats = hosts.map((host) => `${protocol}://${host}:${cluster!.server.port}`);
    try {
      const connection = await joinCluster({ nats, ...values }, 'test', stop.signal);
      const { state } = connection;
      await connection.close();
      return state === 'connected' ? 'in' : state;
    } catch (error) {
      sentence = (error as { sentence?: string }).sentence ?? '';
      return (error as { code?: string }).code ?? (error as Error).message;
    } finally {
      said.mockRestore();
    }
  }

  it('joins a server with TLS, whose certificate it was told to trust', async () => {
    const { cert, key } = await certificate('server');
    const other = await certificate('other');
    await serve(`tls { cert_file: "${cert}", key_file: "${key}" }`);
    expect(await enter({ 'nats-ca': cert }, 'tls')).toBe('in');
    expect(await enter({ 'nats-ca': cert })).toBe('in');
    for (const values of [{ 'nats-ca': other.cert }, {}]) {
      expect(await enter(values, 'tls')).toBe('refused');
      expect(sentence).toMatch(
        /^The certificate of the NATS server at nats:.* is not to be trusted: self-signed/,
      );
    }
  });

  it.each([
    ['an address of this machine', '127.0.0.1', ['127.0.0.1'], 'in'],
    ['the name of this machine', 'localhost', ['localhost'], 'in'],
    ['another address', '127.0.0.2', ['127.0.0.1'], 'refused'],
    ['a name where it was called by its address', 'localhost', ['127.0.0.1'], 'refused'],
    ['an address where it was called by its name', '127.0.0.1', ['localhost'], 'refused'],
    ['one of two addresses', '127.0.0.1', ['127.0.0.2', '127.0.0.1'], 'in'],
  ])('checks that a certificate is for the server that was named: %s', async (_, name, hosts, outcome) => {
    const { cert, key } = await certificate('named', name);
    await serve(`tls { cert_file: "${cert}", key_file: "${key}" }`);
    expect(await enter({ 'nats-ca': cert }, 'tls', hosts)).toBe(outcome);
  });

  it('does not send anything to a server without TLS where it is to have it', async () => {
    await serve('');
    expect(await enter({}, 'tls')).toBe('refused');
    expect(sentence).toContain('offers no TLS');
    expect(await enter({})).toBe('in');
  });

  it('shows its certificate to a server that asks for one', async () => {
    const { cert, key } = await certificate('mutual');
    await serve(`tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${cert}", verify: true }`);
    expect(await enter({ 'nats-ca': cert, 'nats-cert': cert, 'nats-key': key })).toBe('in');
  });

  it('takes a user and password, or a token, from the environment', async () => {
    await serve('authorization { user: ann, password: "long-42-barley" }');
    expect(await enter({})).toBe('refused');
    vi.stubEnv('ALLOTMENT_NATS_USER', 'ann');
    expect(await enter({})).toBe('refused');
    vi.stubEnv('ALLOTMENT_NATS_PASSWORD', 'long-42-barley');
    expect(await enter({})).toBe('in');
    vi.unstubAllEnvs();
    await cluster!.stop();
    await serve('authorization { token: "t0ken" }');
    expect(await enter({})).toBe('refused');
    vi.stubEnv('ALLOTMENT_NATS_TOKEN', 't0ken');
    expect(await enter({})).toBe('in');
  });

  it('takes an nkey from its file, which goes before the environment', async () => {
    const pair = nkeys.createUser();
    await serve(`authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }`);
    vi.stubEnv('ALLOTMENT_NATS_USER', 'ann');
    const seed = file('seed', `${new TextDecoder().decode(pair.getSeed())}\n`);
    expect(await enter({ 'nats-nkey': seed })).toBe('in');
    const stranger = file('stranger', new TextDecoder().decode(nkeys.createUser().getSeed()));
    expect(await enter({ 'nats-nkey': stranger })).toBe('refused');
    expect(await enter({ 'nats-nkey': file('words', 'no seed') })).toBe('credentials');
  });

  it('takes a JWT and the seed of its key from a credentials file', async () => {
    const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
    const encode = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url');
    const sign = (issuer: nkeys.KeyPair, subject: nkeys.KeyPair, nats: object): string => {
      const claims = {
        jti: 'test',
        iat: 1,
        iss: issuer.getPublicKey(),
        sub: subject.getPublicKey(),
        name: 'n',
        nats,
      };
      const body = `${encode('{"typ":"JWT","alg":"ed25519-nkey"}')}.${encode(JSON.stringify(claims))}`;
      return `${body}.${encode(issuer.sign(new TextEncoder().encode(body)))}`;
    };
    const limits = {
      subs: -1,
      data: -1,
      payload: -1,
      conn: -1,
      leaf: -1,
      imports: -1,
      exports: -1,
      wildcards: true,
    };
    const told = sign(operator, account, { type: 'account', version: 2, limits });
    await serve(
      `operator: ${sign(operator, operator, { type: 'operator', version: 2 })}
       resolver: MEMORY
       resolver_preload: { ${account.getPublicKey()}: ${told} }`,
    );
    const seed = new TextDecoder().decode(user.getSeed());
    const creds = (jwt: string): string =>
      file(
        'creds',
        `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n` +
          `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
      );
    const nats = { type: 'user', version: 2, subs: -1, data: -1, payload: -1 };
    expect(await enter({ 'nats-creds': creds(sign(account, user, nats)) })).toBe('in');
    expect(await enter({ 'nats-creds': creds(sign(nkeys.createAccount(), user, nats)) })).toBe('refused');
  });
});
