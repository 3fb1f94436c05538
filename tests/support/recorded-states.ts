/** States of the recorded chains: their blocks executed by the local network's runtime on the recorded genesis. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { PUBLIC_PARAMS } from '../../devnet/config.ts';
import { BlockContext } from '../../devnet/runtime/context.ts';
import { Execution } from '../../devnet/runtime/executive.ts';
import { Storage } from '../../devnet/runtime/storage.ts';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { subspaceDigests } from '../../src/protocol/digest.ts';
import { decodeHeader, headerHash } from '../../src/protocol/header.ts';
import { decodeJustification } from '../../src/protocol/justification.ts';
import { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import { slotOutput } from '../../src/protocol/pot.ts';
import { CODE_KEY } from '../../src/protocol/storage-key.ts';
import { Trie, type TrieChange } from '../../src/protocol/trie.ts';
import type { Header } from '../../src/protocol/types.ts';

const folder = new URL('../vectors/chain/', import.meta.url);

function zipped<T>(name: string): T {
  return JSON.parse(gunzipSync(readFileSync(new URL(name, folder))).toString()) as T;
}

interface ChainFile {
  meta: {
    genesis: { headerScale: string };
    genesisOverrides: { key: string; value: string | null }[];
  };
  blocks: { branch: string; headerScale: string; justification: string; extrinsics: string[] }[];
}

/** Metadata of the recorded runtime. */
export function recordedMetadata(version: 14 | 15 = 15): RuntimeMetadata {
  const text = gunzipSync(readFileSync(new URL(`chronos-metadata-v${version}.hex.gz`, folder))).toString();
  return RuntimeMetadata.decode(fromHex(text.trim()));
}

export interface RecordedState {
  header: Header;
  /** 32 bytes. */
  hash: Uint8Array;
  state: Trie;
  extrinsics: Uint8Array[];
  justification: Uint8Array | null;
}

function genesisState(overrides: ChainFile['meta']['genesisOverrides']): Trie {
  const chronos = JSON.parse(readFileSync(new URL('chronos.json', folder), 'utf8')) as {
    codeHashBlake2b256: string;
  };
  const { single } = zipped<{ single: { keys: [string]; values: [string | null] }[] }>(
    'chronos-genesis-proofs.json.gz',
  );
  const entry = (key: string, value: string | null): TrieChange => ({
    key: fromHex(key),
    value: value === null ? null : fromHex(value),
  });
  return Trie.empty(1)
    .apply(single.map(({ keys: [key], values: [value] }) => entry(key, value)))
    .setHash(CODE_KEY, fromHex(chronos.codeHashBlake2b256))
    .apply(overrides.map(({ key, value }) => entry(key, value)));
}

/** Blocks of a branch and of the main one before it, oldest first. */
function lineOf(blocks: ChainFile['blocks'], branch: string): ChainFile['blocks'] {
  const own = blocks.filter((block) => block.branch === branch);
  const start = decodeHeader(fromHex(own[0]!.headerScale)).number;
  return branch === 'main' ? own : [...lineOf(blocks, 'main').slice(0, start - 1), ...own];
}

/**
 * Genesis and the blocks of a branch of `chain` up to number `last`, each with the state after it. Needs
 * `loadWasm`.
 */
export function recordedStates(last: number, branch: string = 'main'): RecordedState[] {
  const { meta, blocks } = zipped<ChainFile>('chain.json.gz');
  const outputs = new Set<string>();
  const genesis = decodeHeader(fromHex(meta.genesis.headerScale));
  const genesisHash = headerHash(genesis);
  const states: RecordedState[] = [
    {
      header: genesis,
      hash: genesisHash,
      state: genesisState(meta.genesisOverrides),
      extrinsics: [],
      justification: null,
    },
  ];
  for (const block of lineOf(blocks, branch)) {
    const header = decodeHeader(fromHex(block.headerScale));
    if (header.number > last) break;
    const justification = fromHex(block.justification);
    const { checkpoints } = decodeJustification(justification);
    const lastSlot = subspaceDigests(header).preDigest.slot + BigInt(PUBLIC_PARAMS.blockAuthoringDelay);
    for (const [index, slot] of checkpoints.entries()) {
      outputs.add(`${lastSlot - BigInt(checkpoints.length - 1 - index)}:${toHex(slotOutput(slot))}`);
    }
    const parent = states.at(-1) as RecordedState;
    const context = new BlockContext(
      PUBLIC_PARAMS,
      new Storage(parent.state),
      {
        isProofOfTimeValid: (slot, output) => outputs.has(`${slot}:${toHex(output)}`),
        parentRoots: parent.header,
      },
      header.number,
      header.parentHash,
      genesisHash,
      header.digest[0] as NonNullable<Header['digest'][0]>,
    );
    const execution = Execution.begin(context);
    const extrinsics = block.extrinsics.map((extrinsic) => fromHex(extrinsic));
    for (const extrinsic of extrinsics) execution.apply(extrinsic);
    execution.finalise();
    const state = parent.state.apply(context.storage.changes());
    states.push({ header, hash: headerHash(header), state, extrinsics, justification });
  }
  return states;
}

/** Serves proofs, keys and blocks of these states as an honest node does. */
export function stateSource(states: readonly RecordedState[]) {
  const byHash = new Map(states.map((one) => [toHex(one.hash), one]));
  const at = (hash: Uint8Array): RecordedState => {
    const found = byHash.get(toHex(hash));
    if (found === undefined) throw new Error(`no block ${toHex(hash)}`);
    return found;
  };
  return {
    readProof: (keys: readonly Uint8Array[], hash: Uint8Array) =>
      Promise.resolve({ at: hash, proof: at(hash).state.prove(keys) }),
    keysPaged: (prefix: Uint8Array, count: number, start: Uint8Array | null, hash: Uint8Array) =>
      Promise.resolve(at(hash).state.nextKeys(prefix, start, count)),
    block: (hash: Uint8Array) => {
      const found = byHash.get(toHex(hash));
      return Promise.resolve(found ? { header: found.header, justification: found.justification } : null);
    },
  };
}
