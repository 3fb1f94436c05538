import { describe, expect, it } from 'vitest';
import type { NodeStore } from '../storage/store.ts';
import { MetPeers } from './met-peers.ts';
import { join } from './test-support.ts';

function memoryStore(): NodeStore {
  const settings = new Map<string, unknown>();
  return {
    setting: (name: string) => Promise.resolve(structuredClone(settings.get(name) ?? null)),
    putSetting: async (name: string, value: unknown) => void settings.set(name, structuredClone(value)),
  } as unknown as NodeStore;
}

describe('peers that were met', () => {
  it('are dialled at the next start, though nobody names them', async () => {
    const store = memoryStore();
    const server = await join({ kademliaServer: true });
    const client = await join();
    const first = await join({}, []);
    const met = await MetPeers.open(store, first);
    expect(first.connections()).toEqual([]);
    await first.connect([...server.addresses(), ...client.addresses()]);
    await met.close();
    await first.stop();

    const second = await join({}, []);
    const again = await MetPeers.open(store, second);
    await expect.poll(() => second.connections().map(({ peer }) => peer)).toEqual([server.id]);
    await again.close();
  });

  it('that are gone stay known for a while, the connected ones first', async () => {
    const store = memoryStore();
    const gone = await join({ kademliaServer: true });
    const first = await join({}, []);
    const met = await MetPeers.open(store, first);
    await first.connect(gone.addresses());
    await met.close();
    const before = gone.addresses();
    await gone.stop();

    const other = await join({ kademliaServer: true });
    const second = await join({}, []);
    const later = await MetPeers.open(store, second);
    await second.connect(other.addresses());
    await later.close();
    expect(await store.setting<string[]>('met-peers')).toEqual([...other.addresses(), ...before]);
  });
});
