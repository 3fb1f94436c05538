/** How a member proves to the NATS server that it may come in. Nothing here is ever logged. */
import {
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  type Authenticator,
} from '@nats-io/nats-core';
import { isThisMachine } from '../network/local-access.ts';
import { ClusterError } from './errors.ts';

export type Credentials =
  | { kind: 'none' }
  | { kind: 'password'; user: string; password: string }
  | { kind: 'token'; token: string }
  /** Seed of an nkey, `SU…`. */
  | { kind: 'nkey'; seed: string }
  /** Text of a credentials file: a JWT and the seed of its key. */
  | { kind: 'creds'; text: string };

const SEED = /^SU[A-Z2-7]{56}$/;

/** Throws ClusterError `credentials` for a seed that is none. */
export function authenticatorOf(credentials: Credentials): Authenticator | undefined {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  switch (credentials.kind) {
    case 'none':
      return undefined;
    case 'password':
      return usernamePasswordAuthenticator(credentials.user, credentials.password);
    case 'token':
      return tokenAuthenticator(credentials.token);
    case 'nkey':
      if (!SEED.test(credentials.seed))
        throw new ClusterError('credentials', 'not the seed of a user nkey', 'An nkey seed begins with SU.');
      return nkeyAuthenticator(encode(credentials.seed));
    case 'creds':
      return credsAuthenticator(encode(credentials.text));
  }
}

/** A server's address, without the secrets that it may have come with. */
export interface ServerAddress {
  /** `nats://`, `tls://`, `ws://` or `wss://`, host and port. */
  url: string;
  credentials: Credentials;
}

const PROTOCOLS = ['nats:', 'tls:', 'ws:', 'wss:'];

/**
 * Reads a server's address; user and password or a token may stand in it (`nats://user:password@host`).
 *
 * @throws ClusterError `credentials` for what is no address; the message does not repeat it, as it may hold secrets.
 */
export function parseServer(text: string): ServerAddress {
  const withProtocol = text.includes('://') ? text : `nats://${text}`;
  let url: URL;
  try {
    url = new URL(withProtocol);
  } catch {
    throw notAnAddress();
  }
  if (!PROTOCOLS.includes(url.protocol) || url.hostname === '') throw notAnAddress();
  const [user, password] = [url.username, url.password].map(decoded) as [string, string];
  const host = `${url.hostname}${url.port === '' ? '' : `:${url.port}`}`;
  const path = url.pathname === '/' ? '' : url.pathname;
  return {
    url: `${url.protocol}//${host}${path}`,
    credentials:
      user === ''
        ? { kind: 'none' }
        : password === ''
          ? { kind: 'token', token: user }
          : { kind: 'password', user, password },
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notAnAddress();
  }
}

function notAnAddress(): ClusterError {
  return new ClusterError(
    'credentials',
    'not the address of a NATS server',
    'The address of a NATS server looks like nats://192.168.0.2:4222, or ws://… in a browser.',
  );
}

/** Whether a server is on this machine, where a connection needs no encryption. */
export function isLoopback(url: string): boolean {
  return isThisMachine(new URL(url).hostname);
}
