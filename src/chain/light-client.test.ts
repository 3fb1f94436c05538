import { afterEach, describe, expect, it } from 'vitest';
import { recordedChain } from '../../tests/support/recorded-chain.ts';
import { ScriptedSource } from '../../tests/support/scripted-source.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { toHex } from '../protocol/bytes.ts';
import { headerHash } from '../protocol/header.ts';
import { LightClient, type LightClientOptions } from './light-client.ts';

const chain = recordedChain('chain');
const main = chain.blocks.filter(({ branch }) => branch === 'main');
const UNKNOWN = { genesisHash: null, constants: null, potExternalEntropy: null };

const clients: LightClient[] = [];

async function open(options: Partial<LightClientOptions>): Promise<LightClient> {
  const client = await LightClient.open({
    sources: [],
    pool: createInlinePool(),
    store: null,
    network: UNKNOWN,
    potBudget: { mode: 'full' },
    ...options,
  });
  clients.push(client);
  client.start();
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.stop();
});

/** Waits until the client shows what is asked for. */
async function until(client: LightClient, check: () => boolean, ms = 60_000): Promise<void> {
  const started = Date.now();
  while (!check()) {
    if (Date.now() - started > ms)
      throw new Error(`still waiting; ${JSON.stringify(client.snapshot(), null, 1).slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('LightClient', () => {
  it('syncs from genesis and follows', async () => {
    const source = new ScriptedSource('honest', chain.facts).extend(main.slice(0, 60));
    const client = await open({ sources: [source] });
    await until(client, () => client.head()?.header.number === 60);
    await until(client, () => client.snapshot().phase === 'following');
    source.extend(main.slice(60, 63), true);
    await until(client, () => client.head()?.header.number === 63);
    expect(client.snapshot().best?.hash).toBe(toHex(headerHash(main[62]!.header)));
    expect(client.snapshot().refusals).toEqual([]);
  });
});
