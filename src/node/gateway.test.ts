import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DsnPeer } from '../dsn/peer.ts';
import { nodePlatform } from '../dsn/platform-node.ts';
import { Gateway } from './gateway.ts';

const genesisHash = new Uint8Array(32).fill(5);

let peer: DsnPeer;
let tab: DsnPeer;
let gateway: Gateway;
/** Tells where `peer` listens, as a gateway does. */
let teller: Server;
let url: string;

beforeEach(async () => {
  peer = await DsnPeer.start({ ...nodePlatform(['/ip4/127.0.0.1/tcp/0/ws']), genesisHash });
  tab = await DsnPeer.start({ ...nodePlatform(), genesisHash });
  gateway = new Gateway(tab, undefined, async () => []);
  teller = createServer((_, response) => response.end(JSON.stringify({ addresses: peer.addresses() })));
  await new Promise<void>((done) => teller.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(teller.address() as AddressInfo).port}`;
});
afterEach(async () => {
  gateway.stop();
  teller.close();
  teller.closeAllConnections();
  await Promise.all([peer.stop(), tab.stop()]);
});

test('what is wrong puts a gateway aside, which is said; forgotten, it is banned as everybody else', async () => {
  await gateway.take({ url, code: '' });
  expect(gateway.view()).toEqual({ url, connected: true, bridges: false, trouble: null });
  tab.book.ban(peer.id, 'it sent a wrong piece 7');
  expect(gateway.view()).toMatchObject({ connected: true, trouble: expect.stringContaining('asked again') });
  expect(tab.connections()).toHaveLength(1);
  gateway.stop();
  tab.book.ban(peer.id, 'it sent a wrong piece 7');
  await expect.poll(() => tab.connections()).toEqual([]);
});

test('a gateway that was banned before it was named is used', async () => {
  await tab.connect(peer.addresses());
  tab.book.ban(peer.id, 'it sent a wrong piece 7');
  await expect.poll(() => tab.connections()).toEqual([]);
  await gateway.take({ url, code: '' });
  expect([gateway.view()?.connected, gateway.is(peer.id)]).toEqual([true, true]);
});

test('one that cannot be reached leaves the one in use as it was', async () => {
  await gateway.take({ url, code: '' });
  const none = createServer((_, response) =>
    response.end(JSON.stringify({ addresses: [`/ip4/127.0.0.1/tcp/1/ws/p2p/${tab.id}`] })),
  );
  await new Promise<void>((done) => none.listen(0, '127.0.0.1', done));
  const other = `http://127.0.0.1:${(none.address() as AddressInfo).port}`;
  await expect(gateway.take({ url: other, code: '' })).rejects.toThrow('cannot be reached');
  none.close();
  expect(gateway.view()).toMatchObject({ url, connected: true });
  expect(tab.book.isGateway(peer.id)).toBe(true);
});
