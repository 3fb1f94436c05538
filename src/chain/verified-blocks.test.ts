import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { recordedMetadata as metadataBytes } from '../../tests/support/recorded-chain.ts';
import { recordedMetadata, recordedStates, type RecordedState } from '../../tests/support/recorded-states.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { loadWasm } from '../crypto/wasm.ts';
import type { RpcClient } from '../network/rpc.ts';
import { RpcError } from '../network/rpc-error.ts';
import { RpcSource } from '../network/source.ts';
import { concat, fromHex, littleEndian, toHex, toPrefixedHex, utf8 } from '../protocol/bytes.ts';
import { toRpcSignedBlock } from '../protocol/block.ts';
import { headerHash, toRpcHeader } from '../protocol/header.ts';
import {
  encodeMmrLeaves,
  encodeMmrProof,
  mergeMmrNodes,
  mmrLeafHash,
  mmrLeafOf,
  mmrProofNodes,
} from '../protocol/mmr.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import { CODE_KEY } from '../protocol/storage-key.ts';
import { Trie } from '../protocol/trie.ts';
import { runtimeVersionQuery } from './state/consensus.ts';
import { runtimeIdentity } from './state/constants.ts';
import { NoProof } from './no-proof.ts';
import { metadataAt } from './runtime.ts';
import { VerifiedBlocks, type FollowedChain } from './verified-blocks.ts';

const LAST = 20;
let metadata: RuntimeMetadata;
let states: RecordedState[];

beforeAll(async () => {
  await loadWasm();
  metadata = recordedMetadata();
  states = recordedStates(LAST);
});

type Answer = (state: RecordedState, params: readonly unknown[]) => unknown;

/** What a node says of a block's place in the range of all blocks before the head. */
function rangeProof(number: number, size: number) {
  const leaves = states.slice(0, size).map(({ header }) => mmrLeafOf(header));
  const nodeAt = (height: number, first: number): Uint8Array =>
    height === 0
      ? mmrLeafHash(leaves[first]!)
      : mergeMmrNodes(nodeAt(height - 1, first), nodeAt(height - 1, first + 2 ** (height - 1)));
  const nodes = mmrProofNodes([number], size, nodeAt);
  return {
    blockHash: toPrefixedHex(states[size]!.hash),
    leaves: toPrefixedHex(encodeMmrLeaves([leaves[number]!])),
    proof: toPrefixedHex(encodeMmrProof({ indices: [number], size, nodes })),
  };
}

/** A node that has the recorded chain, or another; `lies` answers in its stead. */
function node(url: string, lies: Record<string, Answer> = {}, chain = states): RpcSource {
  const truths: Record<string, Answer> = {
    mmr_generateProof: (_, [numbers, size]) => rangeProof((numbers as number[])[0]! - 1, size as number),
    chain_getHeader: ({ header }) => toRpcHeader(header),
    chain_getBlock: ({ header, extrinsics }) =>
      toRpcSignedBlock({ header, extrinsics, justifications: null }),
    state_getReadProof: ({ state, hash }, [keys]) => ({
      at: toPrefixedHex(hash),
      proof: state.prove((keys as string[]).map((key) => fromHex(key))).map(toPrefixedHex),
    }),
  };
  const call = async (method: string, params: readonly unknown[] = []): Promise<unknown> => {
    if (method === 'chain_getBlockHash') return toPrefixedHex(chain[params[0] as number]!.hash);
    const hash = String(params.at(-1)).slice(2);
    const state = chain.find((one) => toHex(one.hash) === hash);
    if (state === undefined) throw new RpcError(4003, method, 'unknown block');
    return lies[method] === undefined ? truths[method]!(state, params) : lies[method](state, params);
  };
  return new RpcSource({ url, call } as unknown as RpcClient);
}

/** A light client that verified the recorded chain, or another, and remembers the blocks from `remembered` on. */
function client(sources: RpcSource[], remembered = LAST, chain = states): FollowedChain {
  const verified = (state: RecordedState) =>
    ({
      header: state.header,
      context: { number: state.header.number, hash: state.hash },
    }) as unknown as NonNullable<ReturnType<FollowedChain['head']>>;
  return {
    head: () => verified(chain.at(-1)!),
    finalized: () => verified(chain.at(-6)!),
    header: (hash) => {
      const found = chain.find((one) => toHex(one.hash) === toHex(hash));
      return found !== undefined && found.header.number >= remembered ? verified(found) : null;
    },
    runtime: () => ({ metadata }) as ReturnType<FollowedChain['runtime']>,
    metadataAt: (...what) => metadataAt(createInlinePool(), ...what),
    sources: () => sources,
    onChange: () => () => undefined,
  };
}

describe('verified blocks', () => {
  test('are found by their numbers, remembered or named by the state', async () => {
    const blocks = new VerifiedBlocks(client([node('one')], LAST - 2));
    for (const number of [LAST, LAST - 2, LAST - 3, 7, 1]) {
      const block = await blocks.block(number);
      expect(toHex(block.hash)).toBe(toHex(states[number]!.hash));
      expect(block.number).toBe(number);
    }
    await expect(blocks.block(LAST + 1)).rejects.toMatchObject({
      name: 'NoProof',
      refused: false,
      sentence: 'Block 21 is not verified yet.',
    });
  });

  test('have the bodies that their headers commit to, whoever else tells what', async () => {
    const withTransactions = states.findLastIndex(({ extrinsics }) => extrinsics.length > 1);
    const wrong = node('liar', {
      chain_getBlock: ({ header, extrinsics }) =>
        toRpcSignedBlock({ header, extrinsics: extrinsics.slice(1), justifications: null }),
    });
    const honest = new VerifiedBlocks(client([wrong, node('one')], 0));
    const block = await honest.block(withTransactions);
    expect(await honest.body(block)).toEqual(states[withTransactions]!.extrinsics);
    const alone = new VerifiedBlocks(client([wrong], 0));
    await expect(alone.body(block)).rejects.toMatchObject({
      name: 'NoProof',
      cause: { rule: 'extrinsics-root' },
      refused: false,
    });
  });

  test('are read by proof; a source that lies or has nothing is passed over', async () => {
    const liar = node('liar', { state_getReadProof: () => ({ at: `0x${'00'.repeat(32)}`, proof: [] }) });
    const pruned = node('pruned', {
      state_getReadProof: () => {
        throw new RpcError(4003, 'state_getReadProof', 'State already discarded');
      },
    });
    const query = runtimeVersionQuery(metadata);
    const blocks = new VerifiedBlocks(client([liar, pruned, node('one')]));
    expect(await blocks.read(query, blocks.head()!)).toMatchObject({ specName: 'subspace' });
    const none = new VerifiedBlocks(client([pruned]));
    await expect(none.read(query, none.head()!)).rejects.toMatchObject({ refused: true });
    const nobody = new VerifiedBlocks(client([]));
    await expect(nobody.read(query, nobody.head()!)).rejects.toMatchObject({
      refused: false,
      sentence: 'No node is connected to ask for a proof.',
    });
  });

  test('of any age are proven by the range of all blocks, without their states', async () => {
    const pruned = {
      state_getReadProof: (state: RecordedState, [keys]: readonly unknown[]) => {
        if (state.header.number < LAST) throw new RpcError(4003, 'state_getReadProof', 'State discarded');
        return {
          at: toPrefixedHex(state.hash),
          proof: state.state.prove((keys as string[]).map((key) => fromHex(key))).map(toPrefixedHex),
        };
      },
    };
    const blocks = new VerifiedBlocks(client([node('pruned', pruned)]));
    for (const number of [0, 1, 7, LAST - 5])
      expect(toHex((await blocks.ancient(number)).hash)).toBe(toHex(states[number]!.hash));
    await expect(blocks.ancient(LAST - 4)).rejects.toMatchObject({ sentence: 'Block 16 is not final yet.' });
    await expect(blocks.ancient(-1)).rejects.toBeInstanceOf(NoProof);
  });

  test.each<[string, Record<string, Answer>]>([
    ['another block', { chain_getHeader: () => toRpcHeader(states[3]!.header) }],
    [
      'a block that never was',
      { chain_getHeader: () => toRpcHeader({ ...states[7]!.header, extrinsicsRoot: new Uint8Array(32) }) },
    ],
    ['the proof of another block', { mmr_generateProof: () => rangeProof(6, LAST) }],
    ['a proof of an older range', { mmr_generateProof: () => rangeProof(7, LAST - 1) }],
    [
      'another block with its own proof',
      {
        chain_getHeader: () => toRpcHeader(states[6]!.header),
        mmr_generateProof: () => rangeProof(6, LAST),
      },
    ],
  ])('of any age are refused: %s', async (_, lies) => {
    const blocks = new VerifiedBlocks(client([node('liar', lies)]));
    await expect(blocks.ancient(7)).rejects.toBeInstanceOf(NoProof);
    const helped = new VerifiedBlocks(client([node('liar', lies), node('one')]));
    expect(toHex((await helped.ancient(7)).hash)).toBe(toHex(states[7]!.hash));
  });

  test('that no node has any more are said to be gone, not that nobody was asked', async () => {
    const sentence = 'No node that is connected has block 7 any more.';
    const forgetful = node('forgetful', { chain_getHeader: () => null, chain_getBlock: () => null });
    const blocks = new VerifiedBlocks(client([forgetful]));
    await expect(blocks.block(7)).rejects.toMatchObject({ name: 'NoProof', refused: true, sentence });
    await expect(blocks.ancient(7)).rejects.toMatchObject({ name: 'NoProof', refused: true, sentence });
    const block = await new VerifiedBlocks(client([node('one')])).block(7);
    await expect(blocks.body(block)).rejects.toMatchObject({ name: 'NoProof', refused: true, sentence });
  });

  test('left by an older runtime are read as that one wrote them', async () => {
    const asked: number[] = [];
    const telling = (metadata: Uint8Array): Record<string, Answer> => ({
      state_getMetadata: ({ header }) => {
        asked.push(header.number);
        return toPrefixedHex(metadata);
      },
      // The recording leaves the code out.
      state_getReadProof: ({ state, hash }, [keys]) => {
        if ((keys as string[]).includes(toPrefixedHex(CODE_KEY)))
          throw new RpcError(4003, 'state_getReadProof', 'too large');
        return {
          at: toPrefixedHex(hash),
          proof: state.prove((keys as string[]).map((key) => fromHex(key))).map(toPrefixedHex),
        };
      },
    });
    const six = metadataBytes();
    const newer = six.slice();
    const version = concat(utf8('subspace'), littleEndian(0, 4), littleEndian(6, 4));
    newer[Buffer.from(newer).indexOf(version) + version.length - 4] = 7;
    const now = (sources: RpcSource[]): VerifiedBlocks =>
      new VerifiedBlocks({
        ...client(sources, 0),
        runtime: () => ({ metadata, specVersion: 7 }) as ReturnType<FollowedChain['runtime']>,
      });
    const blocks = now([node('one', telling(six))]);
    const block = await blocks.block(7);
    const older = await blocks.metadataOf(block);
    expect(older).not.toBe(metadata);
    expect(runtimeIdentity(older).specVersion).toBe(6);
    expect(await blocks.metadataOf(await blocks.block(9))).toBe(older);
    expect(new Set(asked)).toEqual(new Set([7]));
    await expect(now([node('liar', telling(newer))]).metadataOf(block)).rejects.toMatchObject({
      cause: { rule: 'runtime-metadata' },
    });
    const present = new VerifiedBlocks({
      ...client([node('one')], 0),
      runtime: () => ({ metadata, specVersion: 6 }) as ReturnType<FollowedChain['runtime']>,
    });
    expect(await present.metadataOf(block)).toBe(metadata);
  });

  /** The recorded runtime as one that names so many blocks: what it calls the constant `name` has that value. */
  function naming(count: number, name = 'BlockHashCount'): FollowedChain['runtime'] {
    const bytes = metadataBytes().slice();
    const at = Buffer.from(bytes).indexOf('BlockHashCount');
    const value = Buffer.from(bytes).indexOf(littleEndian(250, 4), at);
    bytes.set(utf8(name), at);
    bytes.set(littleEndian(count, 4), value);
    const altered = RuntimeMetadata.decode(bytes);
    return () => ({ metadata: altered }) as ReturnType<FollowedChain['runtime']>;
  }

  test.each([
    ['as many blocks back as the runtime names', naming(6), [20, 14, 8]],
    ['one step where the runtime names them all', naming(18), [20]],
    ['one step where the runtime names more than there are', naming(4_000), [20]],
    ['one step where the runtime does not say how many', naming(6, 'OtherHashCount'), [20]],
    ['one step where the runtime says none', naming(0), [20]],
  ])('are stepped to over states: %s', async (_, runtime, expected) => {
    const asked: number[] = [];
    const noting = node('one', {
      state_getReadProof: ({ header, state, hash }, [keys]) => {
        asked.push(header.number);
        return {
          at: toPrefixedHex(hash),
          proof: state.prove((keys as string[]).map((key) => fromHex(key))).map(toPrefixedHex),
        };
      },
    });
    const blocks = new VerifiedBlocks({ ...client([noting]), runtime });
    expect(toHex((await blocks.block(2)).hash)).toBe(toHex(states[2]!.hash));
    expect(asked).toEqual(expected);
  });

  test('are found where the runtime names more than it did when their names were let go of', async () => {
    const named = metadata.storage('System', 'BlockHash');
    const chain: RecordedState[] = [];
    for (let number = 0; number <= 300; number += 1) {
      const parent = chain.at(-1);
      let state = parent?.state ?? Trie.empty(1);
      if (parent !== undefined) state = state.apply([{ key: named.key(number - 1), value: parent.hash }]);
      if (number > 250) state = state.apply([{ key: named.key(number - 251), value: null }]);
      const parentHash = parent?.hash ?? new Uint8Array(32);
      const header = { ...states[1]!.header, number, parentHash, stateRoot: state.root() };
      chain.push({ header, hash: headerHash(header), state, extrinsics: [], justification: null });
    }
    const runtime = naming(4_000);
    const blocks = new VerifiedBlocks({ ...client([node('one', {}, chain)], 300, chain), runtime });
    expect(toHex((await blocks.block(7)).hash)).toBe(toHex(chain[7]!.hash));
  });

  test('another header under a proven hash is refused', async () => {
    const liar = node('liar', { chain_getHeader: () => toRpcHeader(states[3]!.header) });
    const blocks = new VerifiedBlocks(client([liar]));
    await expect(blocks.block(7)).rejects.toMatchObject({
      name: 'NoProof',
      refused: false,
      sentence: 'The source gave another block than it was asked for.',
    });
  });
});

describe('what there is to prove with', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A light client that lacks what the test says, until it is given. */
  function lacking(...parts: ('source' | 'head' | 'runtime')[]) {
    const whole = client([node('one')]);
    const lack = new Set(parts);
    let tell: () => void = () => undefined;
    const chain: FollowedChain = {
      ...whole,
      head: () => (lack.has('head') ? null : whole.head()),
      runtime: () => (lack.has('runtime') ? null : whole.runtime()),
      sources: () => (lack.has('source') ? [] : whole.sources()),
      onChange: (listener) => {
        tell = listener;
        return () => {
          tell = () => undefined;
        };
      },
    };
    const give = (part: 'source' | 'head' | 'runtime'): void => {
      lack.delete(part);
      tell();
    };
    return { blocks: new VerifiedBlocks(chain), lack, give };
  }

  test('is waited for as long as a busy machine may take', async () => {
    vi.useFakeTimers();
    const { blocks, give } = lacking('source', 'head', 'runtime');
    const ready = blocks.ready();
    await vi.advanceTimersByTimeAsync(9_000);
    give('source');
    await vi.advanceTimersByTimeAsync(45_000);
    give('head');
    give('runtime');
    expect(await ready).toEqual({ head: blocks.head(), metadata });
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    ['source', 10_000, 'No node is connected to ask for a proof.'],
    ['head', 60_000, 'No block of the chain is verified yet. Try again soon.'],
    [
      'runtime',
      60_000,
      'The node that is connected has not described the network’s rules yet. Try again soon.',
    ],
  ] as const)('is said to be lacking: %s', async (part, ms, sentence) => {
    vi.useFakeTimers();
    let failure: unknown = null;
    const { blocks } = lacking(part);
    const ready = blocks.ready().catch((error: unknown) => (failure = error));
    await vi.advanceTimersByTimeAsync(ms - 1_000);
    expect(failure).toBeNull();
    await vi.advanceTimersByTimeAsync(1_500);
    await ready;
    expect(failure).toMatchObject({ name: 'NoProof', refused: false, sentence });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is not waited for any longer once the last source has been gone for a while', async () => {
    vi.useFakeTimers();
    const { blocks, lack } = lacking('runtime');
    const ready = blocks.ready().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(20_000);
    lack.add('source');
    await vi.advanceTimersByTimeAsync(10_500);
    expect(await ready).toMatchObject({ sentence: 'No node is connected to ask for a proof.' });
  });
});
