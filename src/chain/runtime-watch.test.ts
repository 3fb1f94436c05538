import { afterEach, describe, expect, it, vi } from 'vitest';
import { recordedChain, recordedMetadata } from '../../tests/support/recorded-chain.ts';
import { ScriptedSource } from '../../tests/support/scripted-source.ts';
import { tinyRuntime } from '../../tests/support/tiny-runtime.ts';
import { MemoryChainStore } from '../../tests/support/verified-chain.ts';
import { eventually } from '../../tests/support/waiting.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';
import { NO_SUCH_CALL, RpcError } from '../network/rpc-error.ts';
import { concat, littleEndian, toHex, utf8 } from '../protocol/bytes.ts';
import { blake2b256 } from '../protocol/hash.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import { CODE_KEY } from '../protocol/storage-key.ts';
import { Trie } from '../protocol/trie.ts';
import type { Header } from '../protocol/types.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import type { BlockContext } from './block.ts';
import { RuntimeMemory } from './runtime-memory.ts';
import { RuntimeWatch } from './runtime-watch.ts';

const { facts } = recordedChain('chain');
const six = recordedMetadata();

/** Overwrites the 32 bits that first have this value behind a name. */
function replaced(bytes: Uint8Array, behind: Uint8Array, from: number, to: number): Uint8Array {
  const named = Buffer.from(bytes).indexOf(behind);
  const at = Buffer.from(bytes).indexOf(littleEndian(from, 4), named + behind.length);
  if (named < 0 || at < 0 || at > named + behind.length + 8) throw new Error('nothing to replace');
  const result = bytes.slice();
  result.set(littleEndian(to, 4), at);
  return result;
}

const text = (value: string) => new ScaleWriter().text(value).bytes();
const versioned = (metadata: Uint8Array, to: number) =>
  replaced(metadata, concat(text('subspace'), text('subspace'), littleEndian(0, 4)), 6, to);
const voting = (metadata: Uint8Array, to: number) => replaced(metadata, text('ExpectedVotesPerBlock'), 9, to);
/** The next version of the runtime, which expects two more votes for a block. */
const seven = voting(versioned(six, 7), 11);

interface Block {
  context: BlockContext;
  header: Header;
  state: Trie;
}

/** A block whose state was left by a runtime of this version, with this code in it. */
function blockOf(number: number, spec: number, code: Uint8Array, depth = 100, upgrades = false): Block {
  const metadata = RuntimeMetadata.decode(spec === 6 ? six : seven);
  const entry = (pallet: string, item: string, value: unknown) => {
    const storage = metadata.storage(pallet, item);
    return { key: storage.key(), value: storage.encode(value) };
  };
  const state = Trie.from(1, [
    entry('System', 'LastRuntimeUpgrade', { spec_version: spec, spec_name: 'subspace' }),
    entry('Timestamp', 'Now', 1_700_000_000_000n),
    entry('RuntimeConfigs', 'ConfirmationDepthK', depth),
    { key: CODE_KEY, value: code },
  ]);
  const hash = new Uint8Array(32).fill(number);
  const header = {
    ...facts.header,
    number,
    digest: upgrades ? [{ kind: 'runtimeEnvironmentUpdated' as const }] : [],
  };
  const context = { number, hash, stateRoot: state.root() } as BlockContext;
  return { context, header, state };
}

class Node extends ScriptedSource {
  constructor(
    name: string,
    private readonly known: readonly Block[],
    private readonly tells: (block: Block) => Uint8Array,
  ) {
    super(name, facts);
  }

  private at(hash: Uint8Array): Block {
    return this.known.find(({ context }) => toHex(context.hash) === toHex(hash))!;
  }

  override readProof(keys: readonly Uint8Array[], at: Uint8Array) {
    return this.answer('readProof', () => ({ at, proof: this.at(at).state.prove(keys) }));
  }

  override metadata(at: Uint8Array) {
    return this.answer('metadata', () => this.tells(this.at(at)));
  }
}

const plain = utf8('no runtime that could be run');
const old = tinyRuntime(six);
const next = tinyRuntime(seven);
const upgrade = {
  before: blockOf(1, 6, old),
  /** The block that changes the code: its own state was still left by the runtime before. */
  change: blockOf(2, 6, next, 100, true),
  after: blockOf(3, 7, next),
};
const blocks = Object.values(upgrade);
const honest = new Node('honest', blocks, ({ state }) =>
  state.get(CODE_KEY)?.length === old.length && toHex(state.get(CODE_KEY)!) === toHex(old) ? six : seven,
);

function watchOf(preset = false, store: ChainStore | null = null) {
  let now = 1_700_000_000_000;
  const watch = new RuntimeWatch(
    preset,
    createInlinePool(),
    new RuntimeMemory(store, () => undefined),
    { now: () => now, elapsed: () => now },
    () => undefined,
  );
  const look = (best: Block, final: Block, source: Node = honest, others: Node[] = []) => {
    now += 700_000;
    return watch.look(source, others, { best, final: final.context, constants: PUBLIC_CONSTANTS });
  };
  const wait = (ms: number) => void (now += ms);
  return { watch, look, wait };
}

afterEach(() => void vi.restoreAllMocks());

describe('the runtime', () => {
  it('is proven by its code, and its upgrade is noticed, with what changed', async () => {
    const { watch, look } = watchOf();
    const first = await look(upgrade.before, upgrade.before);
    expect(first).toMatchObject({ differing: [], facts: { specVersion: 6 } });
    expect(watch.view()).toMatchObject({ specVersion: 6, provenance: { kind: 'proven', atBlock: 1 } });
    expect(watch.isDue(honest)).toBe(false);
    watch.upgraded();
    expect(watch.isDue(honest)).toBe(true);
    // At the block of the change there is nothing to read, and nobody is called a liar for it.
    expect(await look(upgrade.change, upgrade.before)).toBe(null);
    expect(watch.isDue(honest)).toBe(true);
    const told = await look(upgrade.after, upgrade.before);
    expect(told).toMatchObject({ differing: ['expectedVotesPerBlock'], facts: { specVersion: 7 } });
    expect(watch.view()?.provenance).toEqual({ kind: 'told', by: ['honest'], disputedBy: [] });
    const proven = await look(upgrade.after, upgrade.after);
    expect(proven?.facts.constants.expectedVotesPerBlock).toBe(11);
    expect(watch.view()).toMatchObject({ specVersion: 7, provenance: { kind: 'proven', atBlock: 3 } });
    expect(watch.cause).toBe(null);
  });

  it('is looked at again at once where it changed during the look, and in a minute where that is asked for', async () => {
    const { watch, look, wait } = watchOf();
    const looking = look(upgrade.before, upgrade.before);
    watch.upgraded();
    await looking;
    expect(watch.isDue(honest)).toBe(true);
    watch.lookAgain();
    expect(watch.isDue(honest)).toBe(true);
    await look(upgrade.after, upgrade.after);
    expect(watch.isDue(honest)).toBe(false);
    watch.lookAgain();
    wait(59_999);
    expect(watch.isDue(honest)).toBe(false);
    wait(1);
    expect(watch.isDue(honest)).toBe(true);
  });

  it('is asked of the next source at once where one cannot tell', async () => {
    const { watch, look } = watchOf();
    const peer = new Node('peer', blocks, () => {
      throw new RpcError(NO_SUCH_CALL, 'state_getMetadata', 'peers do not answer this');
    });
    expect(await look(upgrade.before, upgrade.before, peer)).toBe(null);
    expect(watch.isDue(peer)).toBe(false);
    expect(watch.isDue(honest)).toBe(true);
    expect(await look(upgrade.before, upgrade.before)).toMatchObject({ facts: { specVersion: 6 } });
    expect(watch.isDue(honest)).toBe(false);
  });

  it('is read and run once: later a short proof says that it is the same', async () => {
    const store = new MemoryChainStore();
    await watchOf(false, store).look(upgrade.before, upgrade.before);
    await eventually(async () => expect(await store.load()).not.toBeNull());
    const again = watchOf(false, store);
    const asked = vi.spyOn(honest, 'metadata');
    const proofs = vi.spyOn(honest, 'readProof');
    await again.look(upgrade.before, upgrade.before);
    expect(again.watch.view()).toMatchObject({ specVersion: 6, provenance: { kind: 'proven', atBlock: 1 } });
    expect(asked).not.toHaveBeenCalled();
    const given = await Promise.all(proofs.mock.results.map(({ value }) => value));
    const bytes = given.flatMap(({ proof }) => proof).reduce((sum, node) => sum + node.length, 0);
    expect(bytes).toBeLessThan(2_000);
    // Another code is read anew, and remembered in its place.
    await again.look(upgrade.after, upgrade.after);
    expect(again.watch.view()).toMatchObject({ specVersion: 7, provenance: { kind: 'proven', atBlock: 3 } });
    const other = watchOf(false, store);
    await other.look(upgrade.before, upgrade.before);
    expect(other.watch.view()).toMatchObject({ specVersion: 6, provenance: { kind: 'proven', atBlock: 1 } });
  });

  it('that is remembered wrongly, or whose short proof is none, is read anew', async () => {
    for (const record of [
      new Uint8Array(10),
      new Uint8Array(500),
      concat(blake2b256(old), new Uint8Array(9)),
    ]) {
      const { watch, look } = watchOf(false, new MemoryChainStore(record));
      await look(upgrade.before, upgrade.before);
      expect(watch.view()).toMatchObject({ specVersion: 6, provenance: { kind: 'proven', atBlock: 1 } });
    }
    const mute = new Node('mute', blocks, () => six);
    const prove = mute.readProof.bind(mute);
    vi.spyOn(mute, 'readProof').mockImplementation((keys, at) =>
      keys[0]!.length === CODE_KEY.length + 1 ? Promise.resolve({ at, proof: [] }) : prove(keys, at),
    );
    const { watch, look } = watchOf(false, new MemoryChainStore(concat(blake2b256(old), six)));
    await look(upgrade.before, upgrade.before, mute);
    expect(watch.view()).toMatchObject({ specVersion: 6, provenance: { kind: 'proven', atBlock: 1 } });
  });

  it('of a network that the app knows is compared with what it knows', async () => {
    const { watch, look } = watchOf(true);
    await look(upgrade.before, upgrade.before);
    expect(watch.cause).toBe(null);
    await look(upgrade.after, upgrade.before);
    expect(watch.cause).toMatchObject({ code: 'rules-changed', action: 'Update the app if this stays' });
    expect(watch.cause?.sentence).toContain('expectedVotesPerBlock');
    const proven = await look(upgrade.after, upgrade.after);
    expect(proven).toMatchObject({ differing: ['expectedVotesPerBlock'] });
    expect(watch.cause).toBe(null);
  });

  it('described otherwise than its code does is a lie', async () => {
    const otherVotes = voting(six, 1);
    const liar = new Node('liar', blocks, () => otherVotes);
    const { watch, look } = watchOf();
    await expect(look(upgrade.before, upgrade.before, liar)).rejects.toMatchObject({
      rule: 'runtime-metadata',
    });
    const stale = new Node('stale', blocks, () => six);
    await expect(look(upgrade.after, upgrade.after, stale)).rejects.toMatchObject({
      rule: 'runtime-metadata',
    });
    expect(watch.facts).toBe(null);
  });

  it('that cannot be run is the nodes’ word, and they are compared', async () => {
    const block = blockOf(4, 6, plain);
    const node = (name: string, metadata: Uint8Array) => new Node(name, [block], () => metadata);
    const { watch, look } = watchOf();
    await look(block, block, node('first', six), [node('second', six), node('third', voting(six, 1))]);
    expect(watch.view()?.provenance).toEqual({
      kind: 'told',
      by: ['first', 'second'],
      disputedBy: ['third'],
    });
    expect(watch.cause).toMatchObject({ code: 'rules-disputed' });
    expect(watch.cause?.sentence).toContain('third in another');
    await look(block, block, node('first', six), [node('second', six)]);
    expect(watch.cause).toBe(null);
  });

  it('may have another confirmation depth without another version, and that is proven', async () => {
    const block = blockOf(5, 6, old, 30);
    const { look } = watchOf();
    const news = await look(block, block, new Node('node', [block], () => six));
    expect(news).toMatchObject({
      differing: ['confirmationDepthK'],
      facts: { constants: { confirmationDepthK: 30 } },
    });
  });
});
