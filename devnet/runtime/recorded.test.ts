/** The recorded chains, which the real runtime executed: the same blocks give the same states here. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { fromHex, toHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { subspaceDigests } from '../../src/protocol/digest.ts';
import { decodeHeader, encodeDigestItem } from '../../src/protocol/header.ts';
import { decodeJustification } from '../../src/protocol/justification.ts';
import { slotOutput } from '../../src/protocol/pot.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { orderedTrieRoot, Trie } from '../../src/protocol/trie.ts';
import type { DigestItem, Header } from '../../src/protocol/types.ts';
import { PUBLIC_PARAMS } from '../config.ts';
import { BlockContext, InvalidTransaction } from './context.ts';
import { Execution } from './executive.ts';
import { keys } from './keys.ts';
import { STATE_VERSION, Storage } from './storage.ts';
import { potParameters, solutionRanges, writeSolutionRanges } from './subspace-state.ts';

const VECTORS = new URL('../../tests/vectors/chain/', import.meta.url);

interface RecordedBlock {
  number: number;
  hash: string;
  branch: string;
  headerScale: string;
  justification: string;
  extrinsics: string[];
  potParametersAfter: { scale: string };
  solutionRangesAfterScale: string;
}

interface RecordedChain {
  meta: {
    genesis: { hash: string; headerScale: string; stateRoot: string };
    genesisOverrides: { key: string; value: string | null }[];
  };
  blocks: RecordedBlock[];
}

interface RecordedProofs {
  blocks: { blockHash: string; single: { name?: string; keys: string[]; values: (string | null)[] }[] }[];
}

function zipped<T>(name: string): T {
  return JSON.parse(gunzipSync(readFileSync(new URL(name, VECTORS))).toString()) as T;
}

/** Genesis state of the recorded network; of its code only the hash is known. */
function chronosGenesis(): Trie {
  const chronos = JSON.parse(readFileSync(new URL('chronos.json', VECTORS), 'utf8')) as {
    codeHashBlake2b256: string;
  };
  const { single } = zipped<RecordedProofs['blocks'][number]>('chronos-genesis-proofs.json.gz');
  let state = Trie.empty(STATE_VERSION);
  for (const {
    keys: [key],
    values: [value],
  } of single)
    if (value !== null) state = state.set(fromHex(key!), fromHex(value!));
  state = state.setHash(keys.code, fromHex(chronos.codeHashBlake2b256));
  return state;
}

class Replay {
  private readonly known = new Map<string, { state: Trie; header: Header }>();
  private readonly outputs = new Set<string>();
  private readonly genesisHash: Uint8Array;
  readonly genesisRoot: string;

  constructor(readonly chain: RecordedChain) {
    const { genesis, genesisOverrides } = chain.meta;
    const overrides = genesisOverrides.map(({ key, value }) => ({
      key: fromHex(key),
      value: value === null ? null : fromHex(value),
    }));
    const state = chronosGenesis().apply(overrides);
    this.genesisRoot = toPrefixedHex(state.root());
    this.genesisHash = fromHex(genesis.hash);
    this.known.set(genesis.hash, { state, header: decodeHeader(fromHex(genesis.headerScale)) });
    for (const block of chain.blocks) this.noteOutputs(block);
  }

  private noteOutputs(block: RecordedBlock): void {
    const { checkpoints } = decodeJustification(fromHex(block.justification));
    const { preDigest } = subspaceDigests(decodeHeader(fromHex(block.headerScale)));
    const last = preDigest.slot + 4n;
    for (const [index, slot] of checkpoints.entries())
      this.outputs.add(`${last - BigInt(checkpoints.length - 1 - index)}:${toHex(slotOutput(slot))}`);
  }

  begin(block: RecordedBlock): { execution: Execution; context: BlockContext; parent: Trie; header: Header } {
    const header = decodeHeader(fromHex(block.headerScale));
    const parent = this.known.get(toPrefixedHex(header.parentHash))!;
    const context = new BlockContext(
      PUBLIC_PARAMS,
      new Storage(parent.state),
      {
        isProofOfTimeValid: (slot, output) => this.outputs.has(`${slot}:${toHex(output)}`),
        parentRoots: parent.header,
      },
      header.number,
      header.parentHash,
      this.genesisHash,
      header.digest[0]!,
    );
    return { execution: Execution.begin(context), context, parent: parent.state, header };
  }

  /** Executes a block; `computed` is what its header should commit to. */
  run(block: RecordedBlock): { state: Trie; computed: Commitments; recorded: Commitments } {
    const { execution, context, parent, header } = this.begin(block);
    const extrinsics = block.extrinsics.map((extrinsic) => fromHex(extrinsic));
    for (const extrinsic of extrinsics) execution.apply(extrinsic);
    execution.finalise();
    const state = parent.apply(context.storage.changes());
    this.known.set(block.hash, { state, header });
    const extrinsicsRoot = orderedTrieRoot(extrinsics, STATE_VERSION);
    return {
      state,
      computed: commitments(block, context.digest, extrinsicsRoot, state.root()),
      recorded: commitments(block, header.digest.slice(0, -1), header.extrinsicsRoot, header.stateRoot),
    };
  }
}

interface Commitments {
  block: string;
  digest: string[];
  extrinsicsRoot: string;
  stateRoot: string;
}

function commitments(
  { number, branch }: RecordedBlock,
  digest: DigestItem[],
  extrinsicsRoot: Uint8Array,
  stateRoot: Uint8Array,
): Commitments {
  return {
    block: `${number} of ${branch}`,
    digest: digest.map((item) => toHex(encodeDigestItem(item))),
    extrinsicsRoot: toHex(extrinsicsRoot),
    stateRoot: toHex(stateRoot),
  };
}

function potScale(state: Trie, number: number): string {
  const { slotIterations, nextChange } = potParameters(state, number, PUBLIC_PARAMS);
  const writer = new ScaleWriter().u8(0).u32(slotIterations);
  writer.option(nextChange, (some, change) =>
    some.u64(change.slot).u32(change.slotIterations).raw(change.entropy, 32),
  );
  return toPrefixedHex(writer.bytes());
}

beforeAll(() => loadWasm());

describe.each(['chain.json.gz', 'forks.json.gz'])('%s', (name) => {
  it('is executed to the recorded states, on every branch', () => {
    const replay = new Replay(zipped<RecordedChain>(name));
    expect(replay.genesisRoot).toBe(replay.chain.meta.genesis.stateRoot);
    for (const block of replay.chain.blocks) {
      const { state, computed, recorded } = replay.run(block);
      expect(computed).toEqual(recorded);
      expect(potScale(state, block.number)).toBe(block.potParametersAfter.scale);
      const ranges = new ScaleWriter();
      writeSolutionRanges(ranges, solutionRanges(state, PUBLIC_PARAMS));
      expect(toPrefixedHex(ranges.bytes())).toBe(block.solutionRangesAfterScale);
    }
  });
});

describe('execution', () => {
  it('holds the recorded values under the recorded keys', () => {
    const replay = new Replay(zipped<RecordedChain>('chain.json.gz'));
    const proofs = zipped<RecordedProofs>('proofs.json.gz');
    let compared = 0;
    for (const block of replay.chain.blocks) {
      const { state } = replay.run(block);
      const recorded = proofs.blocks.find(({ blockHash }) => blockHash === block.hash);
      for (const {
        keys: [key],
        values: [value],
      } of recorded?.single ?? []) {
        const found = state.get(fromHex(key!));
        expect(found && toPrefixedHex(found)).toBe(value);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(300);
  });

  it('refuses extrinsics that do not belong into the block', () => {
    const replay = new Replay(zipped<RecordedChain>('chain.json.gz'));
    const signed = replay.chain.blocks.find(({ extrinsics }) =>
      extrinsics.some((x) => x.startsWith('0xe502')),
    )!;
    for (const block of replay.chain.blocks) {
      if (block === signed) break;
      replay.run(block);
    }
    const { execution, context } = replay.begin(signed);
    const kind = (extrinsic: string): string => {
      try {
        execution.apply(fromHex(extrinsic));
        return 'applied';
      } catch (error) {
        return error instanceof InvalidTransaction ? error.kind : String(error);
      }
    };
    const [timestamp, transaction] = signed.extrinsics as [string, string];
    expect(kind(timestamp)).toBe('applied');
    expect(kind(timestamp)).toBe('BadMandatory');
    const tampered = transaction.slice(0, 90) + (transaction[90] === '0' ? '1' : '0') + transaction.slice(91);
    expect(kind(tampered)).toBe('BadProof');
    expect(kind(transaction)).toBe('applied');
    expect(kind(transaction)).toBe('Stale');
    expect(kind('0x0c050100')).toBe('Call');
    const before = context.storage.changes().length;
    expect(kind(tampered)).toBe('BadProof');
    expect(context.storage.changes().length).toBe(before);
  });
});
