import { afterEach, describe, expect, it, vi } from 'vitest';
import { askedBefore, isThisMachine, keptFrom, originElsewhere } from './local-access.ts';

afterEach(() => void vi.unstubAllGlobals());

/** A page from a host, in a browser that knows these permissions. */
function pageFrom(origin: string, permissions: Record<string, PermissionState>): void {
  vi.stubGlobal('location', new URL(origin));
  const query = ({ name }: { name: string }) =>
    name in permissions
      ? Promise.resolve({ state: permissions[name] })
      : Promise.reject(new TypeError(`${name} is no permission`));
  vi.stubGlobal('navigator', { permissions: { query } });
}

const MACHINE = [
  'ws://127.0.0.1:9944',
  'ws://127.8.0.1:1',
  'http://localhost:30545',
  'ws://[::1]:9',
  'ws://a.localhost',
];
const NETWORK = [
  'ws://192.168.1.7:9944',
  'ws://10.0.0.1',
  'ws://172.16.0.1',
  'ws://172.31.0.1',
  'ws://169.254.0.1',
  'ws://[fd00::1]:1',
  'ws://[fe80::1]:1',
  'http://node.local',
];
const ELSEWHERE = [
  'wss://node.example',
  'ws://172.32.0.1',
  'ws://11.0.0.1',
  'ws://192.169.0.1',
  'ws://[2a00::1]',
  'nonsense',
];

describe('what a browser keeps a page from', () => {
  it.each(MACHINE)('this machine: %s', async (url) => {
    pageFrom('https://app.example', { 'loopback-network': 'denied', 'local-network': 'granted' });
    expect(await keptFrom(url)).toContain('programs on this machine');
    expect(await askedBefore(url)).toBeNull();
  });

  it.each(NETWORK)('the network around it: %s', async (url) => {
    pageFrom('https://app.example', { 'loopback-network': 'granted', 'local-network': 'denied' });
    expect(await keptFrom(url)).toContain('machines in the network around this one');
  });

  it.each(ELSEWHERE)('nothing elsewhere: %s', async (url) => {
    pageFrom('https://app.example', { 'loopback-network': 'denied', 'local-network': 'denied' });
    expect(await keptFrom(url)).toBeNull();
  });

  it('what it asks about is said before', async () => {
    pageFrom('https://app.example', { 'loopback-network': 'prompt' });
    expect(await askedBefore(MACHINE[0]!)).toContain('allow it');
    expect(await keptFrom(MACHINE[0]!)).toBeNull();
    pageFrom('https://app.example', { 'loopback-network': 'granted' });
    expect(await askedBefore(MACHINE[0]!)).toBeNull();
  });

  it('goes by the older name, too, and by none', async () => {
    pageFrom('https://app.example', { 'local-network-access': 'denied' });
    expect(await keptFrom(MACHINE[0]!)).toContain('programs on this machine');
    expect(await keptFrom(NETWORK[0]!)).toContain('machines in the network');
    pageFrom('https://app.example', {});
    expect(await keptFrom(MACHINE[0]!)).toBeNull();
    expect(await askedBefore(MACHINE[0]!)).toBeNull();
  });

  it('nothing for a page of this machine, and for programs', async () => {
    pageFrom('http://localhost:4173', { 'loopback-network': 'denied' });
    expect(await keptFrom(MACHINE[0]!)).toBeNull();
    expect(originElsewhere()).toBeNull();
    pageFrom('http://app.localhost:4173', {});
    expect(originElsewhere()).toBeNull();
    vi.stubGlobal('location', undefined);
    expect(await keptFrom(MACHINE[0]!)).toBeNull();
    expect(originElsewhere()).toBeNull();
  });
});

it('names the origin of a page from elsewhere', () => {
  pageFrom('https://app.example:8443/x', {});
  expect(originElsewhere()).toBe('https://app.example:8443');
});

it('takes no name that merely begins or ends like this machine’s', () => {
  for (const host of [
    'localhost.example',
    'notlocalhost',
    '128.0.0.1',
    '127.example',
    'a.localhost',
    '[::2]',
  ])
    expect(isThisMachine(host)).toBe(false);
});
