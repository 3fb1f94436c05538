/** Light clients over scripted sources of a recorded chain. */
import { createInlinePool } from '../../src/crypto/pool/inline.ts';
import { LightClient, type LightClientOptions } from '../../src/chain/light-client.ts';
import { headerHash } from '../../src/protocol/header.ts';
import { recordedChain, type RecordedBlock } from './recorded-chain.ts';
import { ScriptedSource } from './scripted-source.ts';
import { MemoryChainStore, VerifiedChain } from './verified-chain.ts';

export const chain = recordedChain('chain');
export const main = chain.blocks.filter(({ branch }) => branch === 'main');
export const genesisHash = headerHash(chain.facts.header);
/** A network of which nothing is known beforehand. */
export const UNKNOWN = { genesisHash: null, constants: null, potExternalEntropy: null };
export const pool = createInlinePool();

const clients: LightClient[] = [];
let verified: Promise<VerifiedChain> | null = null;

/** The recorded chain, verified. */
export function verifiedChain(): Promise<VerifiedChain> {
  verified ??= VerifiedChain.open(chain, 153);
  return verified;
}

/** A client that was started; `stopClients` stops it. */
export async function open(options: Partial<LightClientOptions>): Promise<LightClient> {
  const client = await LightClient.open({
    sources: [],
    pool,
    store: null,
    network: UNKNOWN,
    potBudget: { mode: 'full' },
    ...options,
  });
  clients.push(client);
  client.start();
  return client;
}

/** A client that has verified the chain up to a block in an earlier run. */
export async function openAt(
  number: number,
  sources: ScriptedSource[],
  options: Partial<LightClientOptions> = {},
): Promise<LightClient> {
  const store = new MemoryChainStore((await verifiedChain()).record(number));
  return open({ sources, store, ...options });
}

/** Stops every client that was opened; to be called after each test. */
export async function stopClients(): Promise<void> {
  for (const client of clients.splice(0)) await client.stop();
}

/** A source of the first `count` blocks of the main branch after genesis. */
export const source = (name: string, count: number): ScriptedSource =>
  new ScriptedSource(name, chain.facts).extend(main.slice(0, count));

export const headNumber = (client: LightClient): number => client.head()?.header.number ?? -1;
export const rules = (client: LightClient): string[] => client.snapshot().refusals.map(({ rule }) => rule);
export const tampered = (proof: Uint8Array[]): Uint8Array[] =>
  proof.map((node) => node.map((byte) => byte ^ 1));
export const hashOf = ({ header }: { header: RecordedBlock['header'] }): Uint8Array => headerHash(header);
