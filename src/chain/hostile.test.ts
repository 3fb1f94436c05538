/** Lies told together, and sources that attack what carries the data rather than what it says. */
import * as fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { untilClient as until } from '../../tests/support/waiting.ts';
import { recordedChain, recordedMutants } from '../../tests/support/recorded-chain.ts';
import { ScriptedSource } from '../../tests/support/scripted-source.ts';
import { MemoryChainStore, VerifiedChain } from '../../tests/support/verified-chain.ts';
import { JobPriority } from '../crypto/jobs.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { PotVerifier } from '../crypto/pot-verifier.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';
import { MAX_MESSAGE_BYTES } from '../network/rpc.ts';
import type { OpenSocket } from '../network/socket.ts';
import { RpcSource, type ChainSource, type ImportableBlock } from '../network/source.ts';
import { buildDigest, subspaceDigests } from '../protocol/digest.ts';
import { headerHash, sealOf, toRpcHeader } from '../protocol/header.ts';
import { decodeJustification, encodeJustification } from '../protocol/justification.ts';
import type { DigestItem, SubspaceDigests } from '../protocol/types.ts';
import { LightClient, type LightClientOptions } from './light-client.ts';
import { BlockVerifier } from './verifier.ts';

const PARENT = 20;
const chain = recordedChain('chain');
const main = chain.blocks.filter(({ branch }) => branch === 'main');
const genesisHash = headerHash(chain.facts.header);
const network = { genesisHash, constants: PUBLIC_CONSTANTS, potExternalEntropy: null, genesis: chain.facts };
const pool = createInlinePool();
const clients: LightClient[] = [];
let verified: VerifiedChain;

beforeAll(async () => {
  verified = await VerifiedChain.open(chain, 60);
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.stop();
});

async function openAt(number: number, sources: ChainSource[], options: Partial<LightClientOptions> = {}) {
  const store = number === 0 ? null : new MemoryChainStore(verified.record(number));
  const client = await LightClient.open({
    sources,
    pool,
    store,
    network,
    potBudget: { mode: 'full' },
    ...options,
  });
  clients.push(client);
  client.start();
  return client;
}

const source = (name: string, count: number) =>
  new ScriptedSource(name, chain.facts).extend(main.slice(0, count));
const headNumber = (client: LightClient) => client.head()?.header.number ?? -1;

// Lies about one block

type Digests = SubspaceDigests & { seal: Uint8Array };

/** A block with its parts laid open. */
interface Parts {
  digests: Digests;
  block: ImportableBlock;
  /** Made of the items of its header at the end. */
  items: (digest: DigestItem[]) => DigestItem[];
}

const flipped = (bytes: Uint8Array, at: number) =>
  bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

function withSolution(parts: Parts, change: Partial<Digests['preDigest']['solution']>): void {
  const { preDigest } = parts.digests;
  parts.digests.preDigest = { ...preDigest, solution: { ...preDigest.solution, ...change } };
}

function withJustification({ block }: Parts, change: (slots: Uint8Array[]) => Uint8Array[]): void {
  if (block.justification === null) return;
  const { seed, checkpoints } = decodeJustification(block.justification);
  block.justification = encodeJustification({ seed, checkpoints: change(checkpoints) });
}

function withItems(parts: Parts, change: Parts['items']): void {
  const { items } = parts;
  parts.items = (digest) => change(items(digest));
}

/** Lies in the order in which a full node finds them; what is changed under the seal breaks the seal. */
const LIES: [rule: string, lie: (parts: Parts) => void][] = [
  ['digest-items', (parts) => withItems(parts, (digest) => [digest[0]!, ...digest])],
  [
    'digest-items',
    (parts) => withItems(parts, (digest) => digest.filter(({ kind }) => kind !== 'consensus')),
  ],
  ['seal-present', (parts) => withItems(parts, (digest) => digest.filter(({ kind }) => kind !== 'seal'))],
  ['justification-present', ({ block }) => (block.justification = null)],
  ['justification-decode', ({ block }) => (block.justification = block.justification?.slice(0, -1) ?? null)],
  [
    'justification-last-output',
    (parts) => withJustification(parts, (slots) => [...slots.slice(0, -1), flipped(slots.at(-1)!, 127)]),
  ],
  [
    'pot-checkpoints',
    (parts) => withJustification(parts, (slots) => [flipped(slots[0]!, 0), ...slots.slice(1)]),
  ],
  ['seal-signature', ({ digests }) => (digests.seal = flipped(digests.seal, 40))],
  ['seal-signature', (parts) => withSolution(parts, { pieceOffset: 999 })],
  ['seal-signature', (parts) => withSolution(parts, { historySize: 5n })],
  ['seal-signature', (parts) => withSolution(parts, { proofOfSpace: new Uint8Array(160) })],
  ['seal-signature', (parts) => withSolution(parts, { rewardAddress: new Uint8Array(32) })],
  ['seal-signature', ({ digests }) => (digests.solutionRange = 10n)],
  ['seal-signature', ({ digests }) => (digests.nextSolutionRange = 10n)],
  ['seal-signature', ({ digests }) => (digests.rootPlotPublicKeyUpdate = { key: null } as never)],
  ['seal-signature', ({ block }) => (block.header = { ...block.header, stateRoot: new Uint8Array(32) })],
  ['seal-signature', ({ block }) => (block.header = { ...block.header, number: 77 })],
];

function lied(lies: readonly number[]): { block: ImportableBlock; rule: string } {
  const honest = main[PARENT]!;
  const parts: Parts = {
    digests: { ...subspaceDigests(honest.header), seal: sealOf(honest.header) },
    block: { header: honest.header, justification: honest.justification },
    items: (digest) => digest,
  };
  // The first one last, for what it breaks cannot be taken apart any more.
  for (const index of lies.toSorted((a, b) => b - a)) LIES[index]![1](parts);
  const header = { ...parts.block.header, digest: parts.items(buildDigest(parts.digests)) };
  return { block: { ...parts.block, header }, rule: LIES[Math.min(...lies)]![0] };
}

describe('lies told together', () => {
  it('are named by the one that a full node finds first', async () => {
    const verifier = new BlockVerifier(pool, new PotVerifier(pool, { mode: 'full' }), PUBLIC_CONSTANTS);
    const parent = verified.blocks[PARENT - 1]!.context;
    const together = fc.uniqueArray(fc.nat(LIES.length - 1), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(together, async (lies) => {
        const { block, rule } = lied(lies);
        const { verified: good, refused } = await verifier.verify([block], parent, {
          priority: JobPriority.catchUp,
        });
        expect([good.length, refused?.error.rule]).toEqual([0, rule]);
      }),
      { numRuns: 100 },
    );
  });

  it('by many sources at once move nothing, and an honest one is followed as soon as it comes', async () => {
    const liars = recordedMutants()
      .filter(({ number }) => number === 40)
      .slice(0, 20)
      .map((mutant) => ({ mutant, node: source(mutant.name, 39) }));
    const client = await openAt(
      39,
      liars.map(({ node }) => node),
    );
    await until(client, () => client.snapshot().phase === 'following');
    for (const { mutant, node } of liars) node.extend([mutant], true);
    await until(client, () => client.snapshot().phase === 'refused');
    expect(headNumber(client)).toBe(39);
    expect(client.snapshot().refusals.length).toBe(liars.length);
    await client.stop();
    const store = new MemoryChainStore(verified.record(39));
    const after = await openAt(39, [liars[0]!.node, source('honest', 45)], { store });
    await until(after, () => headNumber(after) === 45);
  });

  it('and a genuine block are told apart inside one batch', async () => {
    const { block } = lied([LIES.findIndex(([rule]) => rule === 'seal-signature')]);
    const mixed = source('mixed', 45);
    mixed.misbehaviour.blocks = async (blocks) =>
      blocks.map((one) => (one.header.number === PARENT + 1 ? block : one));
    const client = await openAt(0, [mixed]);
    await until(client, () => client.snapshot().refusals.length > 0);
    expect(client.snapshot().refusals[0]).toMatchObject({ rule: 'seal-signature', number: PARENT + 1 });
    expect(headNumber(client)).toBe(PARENT);
  });
});

// Attacks on what carries the data

interface Wire {
  /** Text of a message to the client. */
  send(text: string): void;
  hangUp(): void;
}

/** A node that answers each request as it likes. */
function hostile(
  name: string,
  answer: (wire: Wire, id: number, method: string) => void,
  opened: (wire: Wire) => void = () => undefined,
): RpcSource {
  const openSocket: OpenSocket = (_url, maxBytes, events) => {
    let ended = false;
    const end = (reason: string): void => {
      if (ended) return;
      ended = true;
      events.close(reason);
    };
    const wire: Wire = {
      send: (text) => {
        if (ended) return;
        if (text.length > maxBytes) end('a message was too long');
        else events.message(text);
      },
      hangUp: () => end('gone'),
    };
    setTimeout(() => {
      if (ended) return;
      events.open();
      opened(wire);
    }, 1);
    return {
      send: (text) => {
        const { id, method } = JSON.parse(String(text)) as { id: number; method: string };
        setTimeout(() => answer(wire, id, method), 1);
      },
      close: () => end('closed'),
    };
  };
  return RpcSource.connect(`ws://${name}`, { openSocket, timeoutMs: 400 });
}

const reply = (id: number, result: unknown) => JSON.stringify({ jsonrpc: '2.0', id, result });
/** Begins like an honest node, so that what follows counts. */
const polite =
  (then: (wire: Wire, id: number, method: string) => void) => (wire: Wire, id: number, method: string) => {
    if (method === 'chain_getBlockHash')
      wire.send(reply(id, `0x${Buffer.from(genesisHash).toString('hex')}`));
    else then(wire, id, method);
  };
const header = (number: number) => toRpcHeader(main[number - 1]!.header);

const ATTACKS: [string, () => RpcSource][] = [
  ['nested without end', () => hostile('nested', (wire) => wire.send('['.repeat(500_000)))],
  [
    'nested results',
    () =>
      hostile(
        'nested-result',
        polite((wire, id) =>
          wire.send(`{"jsonrpc":"2.0","id":${id},"result":${'{"a":'.repeat(4_000)}1${'}'.repeat(4_000)}}`),
        ),
      ),
  ],
  [
    'oversized',
    () =>
      hostile(
        'oversized',
        polite((wire) => wire.send('x'.repeat(MAX_MESSAGE_BYTES + 1))),
      ),
  ],
  ['silent', () => hostile('silent', () => undefined)],
  [
    'silent after a good start',
    () =>
      hostile(
        'half',
        polite(() => undefined),
      ),
  ],
  [
    'dripping',
    () =>
      hostile(
        'drip',
        polite((wire, id, method) => {
          if (method === 'chain_getHeader') wire.send(reply(id, header(200)));
        }),
      ),
  ],
  ['hanging up', () => hostile('hang-up', (wire) => wire.hangUp())],
  [
    'of other types',
    () =>
      hostile(
        'types',
        polite((wire, id) => wire.send(reply(id, { number: [] }))),
      ),
  ],
  ['to questions that nobody asked', () => hostile('ids', (wire, id) => wire.send(reply(id + 1_000, null)))],
  [
    'notifications without end',
    () =>
      hostile(
        'notify',
        polite(() => undefined),
        (wire) => {
          for (let index = 0; index < 5_000; index += 1)
            wire.send(
              JSON.stringify({
                jsonrpc: '2.0',
                method: 'chain_allHead',
                params: { subscription: `s${index}`, result: header(1 + (index % 200)) },
              }),
            );
        },
      ),
  ],
  [
    'a head of the largest number',
    () =>
      hostile(
        'boast',
        polite((wire, id, method) =>
          wire.send(reply(id, method === 'chain_getHeader' ? { ...header(3), number: '0xffffffff' } : null)),
        ),
      ),
  ],
];

describe('sources that attack what carries the data', () => {
  it.each(ATTACKS)('%s: the honest one is followed, and nothing false is shown', async (_, attack) => {
    const honest = source('honest', 28);
    const attacker = attack();
    const client = await openAt(PARENT, [attacker, honest], { patienceMs: 1_500 });
    const reasons = new Set<string>();
    client.onChange(() => {
      const [status] = client.snapshot().sources;
      if (status?.state !== 'connected' && status?.reason) reasons.add(status.reason);
    });
    await until(client, () => headNumber(client) === 28);
    await until(client, () => reasons.size > 0);
    honest.extend(main.slice(28, 30), true);
    await until(client, () => headNumber(client) === 30);
    await until(client, () => client.snapshot().sources[1]!.state === 'connected');
    expect(client.snapshot().refusals.every(({ source: name }) => name === attacker.name)).toBe(true);
  });

  it('all of them at once, and the client keeps no more than it states', async () => {
    const attackers = ATTACKS.map(([, attack]) => attack());
    const honest = source('honest', 28);
    const client = await openAt(PARENT, [...attackers, honest], { patienceMs: 1_500 });
    await until(client, () => headNumber(client) === 28);
    const { refusals, blocks, forks, reorgs } = client.snapshot();
    expect(refusals.length).toBeLessThanOrEqual(50);
    expect(blocks.length).toBeLessThanOrEqual(64);
    expect([forks, reorgs]).toEqual([[], []]);
  });

  it('with a thousand lies are remembered by fifty of them', async () => {
    let now = 1_700_000_000_000;
    const flooder = source('flooder', PARENT);
    const client = await openAt(PARENT, [flooder, source('honest', PARENT)], { elapsed: () => now });
    await until(client, () => client.snapshot().phase === 'following');
    for (let lie = 0; lie < 60; lie += 1) {
      for (let index = 0; index < 450; index += 1) flooder.announce(main[30 + (index % 100)]!.header);
      now += 4_000_000;
    }
    const { refusals } = client.snapshot();
    expect(refusals.length).toBe(50);
    expect(refusals.every(({ rule }) => rule === 'flood')).toBe(true);
    expect(headNumber(client)).toBe(PARENT);
  });
});

describe('a source of huge blocks', () => {
  /** Eight megabytes of proof of time, which decode. */
  const huge = encodeJustification({
    seed: new Uint8Array(16),
    checkpoints: Array.from({ length: 65_536 }, () => new Uint8Array(128)),
  });

  it('is read only as far as a batch may go', async () => {
    const { header: first } = main[0]!;
    let sent = 0;
    const node = hostile('huge', () => undefined);
    node.hashAt = async () => headerHash(first);
    node.block = async () => {
      sent += 1;
      return { header: first, justification: huge };
    };
    const blocks = await node.blocks(1, 128);
    node.close();
    expect(blocks.length).toBeLessThanOrEqual(26);
    expect(sent).toBeLessThanOrEqual(48);
  });
});
