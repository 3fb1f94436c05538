/** Storage proofs, positive and negative, and whole states. */
import { blockSlotsQuery, eraStartSlotQuery, mmrQuery } from '../../src/chain/state/consensus.ts';
import { chainConstants } from '../../src/chain/state/constants.ts';
import { StateReader, type Query } from '../../src/chain/state/reader.ts';
import { fromHex, toPrefixedHex, utf8 } from '../../src/protocol/bytes.ts';
import { subspaceDigests } from '../../src/protocol/digest.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { decodeHeader, headerHash } from '../../src/protocol/header.ts';
import { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import { MmrPeaks, mmrLeafHash } from '../../src/protocol/mmr.ts';
import { CODE_KEY } from '../../src/protocol/storage-key.ts';
import { readProof } from '../../src/protocol/trie-proof.ts';
import { Trie } from '../../src/protocol/trie.ts';
import type { Header } from '../../src/protocol/types.ts';
import { unprefixed } from './chain-support.ts';
import { checkLie, type Lie, type ProvenBlock } from './proof-lies.ts';
import { expectSame } from './protocol-support.ts';
import { checkItemKey, checkNamedEntry, namedItem, type ProofEntry } from './state-names.ts';
import {
  hex,
  metadataOf,
  type ChainFile,
  type ChronosFile,
  type GenesisProofsFile,
  type RecordedExtrinsics,
} from './state-recordings.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

const orNull = (text: string | null): Uint8Array | null => (text === null ? null : fromHex(text));

interface ProofsFile {
  set: string;
  trie: { hash: string; layout: string };
  blocks: (ProvenBlock & { blockNumber: number })[];
  negative: Lie[];
}

interface LongFile {
  blocks: { headerScale: string }[];
}

function checkProof(root: string, { keys, values, proof }: ProofEntry): void {
  expectSame('values', readProof(hex(root), proof.map(hex), keys.map(hex)), unprefixed(values));
}

/** A recorded proof is what a node gives: the nodes that it takes and no others, sorted. */
function checkIsExact(root: string, { keys, proof }: ProofEntry): void {
  expectSame('nodes', proof, [...new Set(proof)].sort());
  for (const needed of proof) {
    const others = proof.filter((node) => node !== needed).map(hex);
    let isRead = true;
    try {
      readProof(hex(root), others, keys.map(hex));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      isRead = false;
    }
    expectSame(`read without ${needed}`, isRead, false);
  }
}

async function* proofCases(
  proofs: ProofsFile,
  chain: ChainFile | null,
  metadata: RuntimeMetadata,
): AsyncGenerator<ConformanceCase> {
  const accounts = new Map(chain?.meta.accounts.map(({ name, publicKey }) => [name, publicKey.slice(2)]));
  const blocks = new Map(chain?.blocks.map((block) => [block.hash, block]));
  yield {
    name: 'proofs: trie',
    rule: 'storage-proof',
    run: () => {
      expectSame('hash', 'blake2b-256', proofs.trie.hash);
      const long = new Uint8Array(33);
      const trie = Trie.from(1, [{ key: utf8('a'), value: long }]);
      expectSame('items of a proof of 33 bytes', trie.prove([utf8('a')]).length, 2);
      const layout = `state version 1 (values of ${long.length} bytes or more are stored by hash as separate proof items)`;
      expectSame('layout', layout, proofs.trie.layout);
    },
  };
  for (const block of proofs.blocks) {
    const recorded = blocks.get(block.blockHash);
    yield {
      name: `proofs: block ${block.blockNumber}`,
      rule: 'storage-proof',
      run: () => checkAgainstBlock(block, recorded, chain, metadata),
    };
    for (const [index, entry] of [...block.single, ...block.multi].entries()) {
      yield {
        name: `proofs: block ${block.blockNumber}, ${entry.name ?? index}`,
        rule: 'storage-proof',
        run: () => {
          checkProof(block.stateRoot, entry);
          checkIsExact(block.stateRoot, entry);
          if (entry.keys.length === 1) checkNamedEntry(metadata, accounts, entry);
        },
      };
    }
    const everything = [...block.multi, ...block.single].flatMap(({ proof }) => proof);
    yield {
      name: `proofs: block ${block.blockNumber}, unneeded nodes`,
      rule: 'storage-proof',
      run: () =>
        block.single.forEach((entry) => checkProof(block.stateRoot, { ...entry, proof: everything })),
    };
  }
  for (const [index, lie] of proofs.negative.entries()) {
    yield {
      name: `proofs: ${lie.name} (${index})`,
      rule: 'storage-proof',
      run: () => checkLie(lie, proofs.blocks),
    };
  }
}

/** What the recorded chain says about a block whose state is proven. */
function checkAgainstBlock(
  block: ProofsFile['blocks'][number],
  recorded: RecordedExtrinsics | undefined,
  chain: ChainFile | null,
  metadata: RuntimeMetadata,
): void {
  const entries = [...block.single, ...block.multi];
  const held = new Map(
    entries.flatMap(({ keys, values }) => keys.map((key, at) => [key, values[at] ?? null] as const)),
  );
  /** Compares what the state holds of a plain item, where that is recorded. */
  const expectHeld = (
    pallet: string,
    item: string,
    computed: (value: string | null) => unknown,
    is: unknown,
  ) => {
    const value = held.get(toPrefixedHex(metadata.storage(pallet, item).key()));
    if (value !== undefined) expectSame(`${pallet}.${item}`, computed(value), is);
  };
  const number = metadata.storage('System', 'Number');
  expectHeld('System', 'Number', (value) => number.decode(orNull(value)), block.blockNumber);
  if (chain !== null && block.blockNumber === 0) {
    expectSame('genesis', block.blockHash, chain.meta.genesis.hash);
    expectSame('state root', block.stateRoot, chain.meta.genesis.stateRoot);
  }
  if (recorded === undefined) return;
  const header = decodeHeader(hex(recorded.headerScale));
  expectSame('number', block.blockNumber, header.number);
  expectSame('state root', header.stateRoot, unprefixed(block.stateRoot));
  const { solutionRangesAfterScale, potParametersAfter } = recorded;
  expectHeld('Subspace', 'SolutionRanges', unprefixed, unprefixed(solutionRangesAfterScale));
  expectHeld('System', 'ParentHash', unprefixed, header.parentHash);
  const iterations = potParametersAfter.scale.slice(4, 12);
  expectHeld('Subspace', 'PotSlotIterations', (value) => value?.slice(2, 10), iterations);
}

/** Headers from genesis to a block, both included. */
function lineTo(tip: Header, headers: ReadonlyMap<string, Header>): Header[] {
  const line = [tip];
  for (let header = tip; header.number > 0; line.push(header)) {
    const parent = headers.get(toPrefixedHex(header.parentHash));
    if (parent === undefined) throw new Error(`the parent of block ${header.number} is not recorded`);
    header = parent;
  }
  return line.reverse();
}

/** The recorded headers from genesis on against what the proven states say of them. */
function* historyCases(
  proofs: ProofsFile,
  chain: ChainFile,
  long: LongFile | null,
  metadata: RuntimeMetadata,
): Generator<ConformanceCase> {
  const recorded = [chain.meta.genesis, ...chain.blocks, ...(long?.blocks ?? [])];
  const headers = new Map(
    recorded
      .map(({ headerScale }) => decodeHeader(hex(headerScale)))
      .map((header) => [toPrefixedHex(headerHash(header)), header]),
  );
  const slotOf = (header: Header | undefined) =>
    header?.number === 0 ? 0 : header && subspaceDigests(header).preDigest.slot;
  const numbers = new Set([...headers.values()].map(({ number }) => number));
  const { eraDurationInBlocks } = chainConstants(metadata);
  for (const block of proofs.blocks) {
    if (!numbers.has(block.blockNumber)) continue;
    yield {
      name: `proofs: history below block ${block.blockNumber}`,
      rule: 'mmr-proof',
      run: async () => {
        const header = headers.get(block.blockHash);
        if (header === undefined) throw new Error('no recorded block of this number has this hash');
        expectSame('number', header.number, block.blockNumber);
        expectSame('state root', header.stateRoot, unprefixed(block.stateRoot));
        const entries = [...block.single, ...block.multi];
        const proof = entries.flatMap((entry) => entry.proof.map(hex));
        const known = new Set(entries.flatMap(({ keys }) => keys));
        const at = { number: header.number, hash: headerHash(header), stateRoot: header.stateRoot };
        const reader = new StateReader({ readProof: () => Promise.resolve({ proof }) }, metadata, at);
        const line = lineTo(header, headers);
        /** What the state says, where that is recorded. */
        const read = async <T>(query: Query<T>): Promise<T | null> => {
          const isRecorded = query.keys.every((key) => known.has(toPrefixedHex(key)));
          return isRecorded ? (await reader.read(query)).value : null;
        };
        const mmr = await read(mmrQuery(metadata));
        if (mmr !== null) expectSame('mountain range', mmr, { root: rootOf(line), leaves: header.number });
        for (const { number, slot } of (await read(blockSlotsQuery(metadata))) ?? []) {
          expectSame(`slot of ${number}`, slot, slotOf(line[number]));
        }
        const eraStart = await read(eraStartSlotQuery(metadata));
        const era = header.number - (header.number % eraDurationInBlocks);
        if (eraStart !== null) expectSame('era', eraStart, slotOf(line[era]));
      },
    };
  }
}

/** Root of the mountain range of all headers before the last one. */
function rootOf(line: readonly Header[]): Uint8Array {
  const peaks = new MmrPeaks();
  for (const header of line.slice(0, -1)) {
    const { number, stateRoot, extrinsicsRoot } = header;
    peaks.append(mmrLeafHash({ number, hash: headerHash(header), stateRoot, extrinsicsRoot }));
  }
  return peaks.leaves === 0 ? new Uint8Array(32) : peaks.root();
}

/** The whole genesis state of Chronos as a trie; of the code only the hash is known. */
function genesisTrie(proofs: GenesisProofsFile, codeHash: string): { trie: Trie; entries: number } {
  const entries = proofs.single.flatMap(({ keys: [key], values: [value] }) =>
    key && value ? [{ key: hex(key), value: hex(value) }] : [],
  );
  const trie = Trie.from(1, entries).setHash(CODE_KEY, hex(codeHash));
  return { trie, entries: entries.length + 1 };
}

function* genesisCases(
  proofs: GenesisProofsFile,
  chronos: ChronosFile | null,
  chains: Map<string, ChainFile>,
  metadata: RuntimeMetadata,
): Generator<ConformanceCase> {
  for (const entry of proofs.single) {
    yield {
      name: `chronos-genesis-proofs: ${entry.keys[0]}`,
      rule: 'storage-proof',
      run: () => checkProof(proofs.stateRoot, entry),
    };
  }
  if (chronos === null) return;
  const { trie, entries } = genesisTrie(proofs, chronos.codeHashBlake2b256);
  yield {
    name: 'chronos-genesis-proofs: the whole state',
    rule: 'state-root',
    run: () => {
      expectSame('state root', trie.root(), unprefixed(proofs.stateRoot));
      expectSame('block', chronos.genesisHash, proofs.blockHash);
      expectSame('entries', entries, chronos.genesisStateEntries);
      for (const { keys, proof } of proofs.single) {
        expectSame(`proof of ${keys[0]}`, trie.prove(keys.map(hex)), unprefixed(proof));
      }
    },
  };
  for (const [name, { meta }] of chains) {
    yield {
      name: `${name}: genesis state`,
      rule: 'state-root',
      run: () => {
        const accounts = new Map(meta.accounts.map((account) => [account.name, account.publicKey.slice(2)]));
        const changed = genesisTrie(proofs, chronos.codeHashBlake2b256).trie;
        for (const { what, key, value } of meta.genesisOverrides) {
          const item = namedItem(metadata, what);
          // A change may be named in other words; the state's root tells whether it is understood.
          if (item === null) continue;
          checkItemKey(item, hex(key), accounts);
          expectSame('encoded again', item.entry.encode(item.entry.decode(hex(value))), unprefixed(value));
        }
        const changes = meta.genesisOverrides.map(({ key, value }) => ({ key: hex(key), value: hex(value) }));
        expectSame('state root', changed.apply(changes).root(), unprefixed(meta.genesis.stateRoot));
      },
    };
  }
}

async function* proofSuite(ctx: ConformanceContext, files: string[]): AsyncGenerator<ConformanceCase> {
  const metadata = await metadataOf(ctx, files, 15);
  const load = <T>(name: string): Promise<T | null> =>
    files.includes(`chain/${name}`) ? ctx.json<T>(`chain/${name}`) : Promise.resolve(null);
  const chain = await load<ChainFile>('chain.json.gz');
  const proofs = await load<ProofsFile>('proofs.json.gz');
  if (proofs !== null) yield* proofCases(proofs, chain, metadata);
  if (proofs !== null && chain !== null) {
    yield* historyCases(proofs, chain, await load<LongFile>('headers-long.json.gz'), metadata);
  }
  const genesis = await load<GenesisProofsFile>('chronos-genesis-proofs.json.gz');
  if (genesis === null) return;
  const chains = new Map<string, ChainFile>();
  for (const name of ['chain', 'forks']) {
    const other = await load<ChainFile>(`${name}.json.gz`);
    if (other !== null) chains.set(name, other);
  }
  yield* genesisCases(genesis, await load<ChronosFile>('chronos.json'), chains, metadata);
}

/** Storage proofs, positive and negative, and whole states. */
export const proofs: ConformanceSuite = {
  files: [/^chain\/(proofs|chronos-genesis-proofs)\.json\.gz$/],
  companions: [
    /^chain\/(chain|forks|headers-long)\.json\.gz$/,
    /^chain\/chronos\.json$/,
    /^chain\/chronos-metadata-v15\.hex\.gz$/,
  ],
  cases: proofSuite,
};
