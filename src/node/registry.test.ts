import { describe, expect, it } from 'vitest';
import { toHex } from '../protocol/bytes.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import type { NetworkChoice } from './api.ts';
import { testWallet } from '../identity/testing/person.ts';
import { domainEndpoints, payingSigner } from './registry.ts';

const network = (endpoints: string[], named?: string[]): NetworkChoice => ({
  id: 'local',
  name: 'Local network',
  endpoints,
  genesisHash: null,
  ...(named === undefined ? {} : { domainEndpoints: named }),
});

describe('nodes of the registry’s domain', () => {
  it('are those named, or the one beside the first node', () => {
    expect(domainEndpoints(network(['ws://127.0.0.1:9944'], ['ws://h:1']))).toEqual(['ws://h:1']);
    expect(domainEndpoints(network(['ws://127.0.0.1:9944'], []))).toEqual(['ws://127.0.0.1:9945']);
    const peer = '/ip4/127.0.0.1/tcp/1/ws/p2p/12D3KooW';
    expect(domainEndpoints(network([peer, 'ws://127.0.0.1:9944']))).toEqual(['ws://127.0.0.1:9945']);
  });

  it('are unknown where the first node has no port of its own', () => {
    expect(domainEndpoints(network(['wss://rpc.example.org/ws']))).toEqual([]);
    expect(domainEndpoints(network([]))).toEqual([]);
  });
});

describe('what a deed of the registry costs', () => {
  it('is paid by the account that is named, or by the first', async () => {
    const wallet = await testWallet();
    await wallet.addAccount({ name: 'Second' });
    const { accounts } = await wallet.status();
    const keyOf = async (payer?: string) => toHex((await payingSigner(wallet, payer)).publicKey);
    const [first, second] = accounts.map(({ address }) => toHex(decodeAddress(address).account));
    expect(first).not.toBe(second);
    expect(await keyOf()).toBe(first);
    expect(await keyOf(accounts[1]!.address)).toBe(second);
  });

  it('is not paid by an account that is only watched or not in the wallet, nor while it is locked', async () => {
    const [wallet, other] = [await testWallet(), await testWallet()];
    const stranger = (await other.status()).accounts[0]!.address;
    await expect(payingSigner(wallet, stranger)).rejects.toMatchObject({ code: 'unknown-account' });
    await wallet.watchAccount({ name: 'Watched', address: stranger });
    await expect(payingSigner(wallet, stranger)).rejects.toMatchObject({ code: 'watch-only' });
    wallet.lock();
    await expect(payingSigner(wallet)).rejects.toMatchObject({ code: 'locked' });
  });
});
