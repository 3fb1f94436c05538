/**
 * Writes the prepared history into `data/`: a local network of the default parameters is run as fast as it goes,
 * the samples are stored, and the segments around them filled. To be run after every change of the genesis state
 * or of the samples: `node --import tsx devnet/prepare-history.ts`. It takes some twenty minutes.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { brotliCompressSync, constants } from 'node:zlib';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { auditSlot, type AuditedSector } from '../src/farm/auditor.ts';
import { identityFromEntropy } from '../src/farm/identity.ts';
import { planSector } from '../src/farm/plan.ts';
import { proveCandidate } from '../src/farm/prover.ts';
import { prepareTree } from '../src/objects/prepare.ts';
import { toHex } from '../src/protocol/bytes.ts';
import { cidOfHash } from '../src/protocol/cid.ts';
import type { StoredNode } from '../src/protocol/dag-builder.ts';
import type { SlotInfo } from '../src/protocol/types.ts';
import { developmentAccounts } from './accounts.ts';
import { BLOCKS_FILE } from './block-store.ts';
import { DEFAULT_NODE_OPTIONS, DEFAULT_PARAMS } from './config.ts';
import { fillerCall, MAX_FILLER_BYTES, remarkCall } from './filler.ts';
import { historyFiles, PREPARED_SEGMENTS } from './history.ts';
import { LocalNetwork } from './network.ts';
import { farmerAppInfo } from './rpc/subspace.ts';
import { sampleSources, type Sample } from './samples.ts';
import { plotInMemory } from './testing/plot-sector.ts';
import { signTransaction } from './transactions.ts';

const FOLDER = '/tmp/allotment-prepared-history';
/** A block that is due is waited for so long. */
const BLOCK_MS = 20_000;
const BEGIN = Date.UTC(2025, 0, 1);
/** Room that is left in the last segment: what a few full blocks hold, so that it can be filled quickly. */
const ROOM_LEFT = 12_000_000;
/** The border of the first two segments falls this far into the last sample's block. */
const BEFORE_BORDER = 700_000;

rmSync(FOLDER, { recursive: true, force: true });
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const compute = createNodePool(1);
const identity = await identityFromEntropy(new Uint8Array(32).fill(5));
/** What the next slot waits for. */
let busy: Promise<unknown> = Promise.resolve();
/** The slot at which a block is due. */
let due: bigint | null = null;
const isDue = (): boolean => due !== null && network.timekeeper.slot >= due;
const network = await LocalNetwork.start(DEFAULT_PARAMS, {
  ...DEFAULT_NODE_OPTIONS,
  dataDir: FOLDER,
  rpcPort: 0,
  ownSectors: 0,
  pace: async (signal) => {
    await setTimeout(5);
    await busy;
    const late = Date.now() + BLOCK_MS;
    while (isDue() && Date.now() < late && !signal.aborted) await setTimeout(10);
    if (isDue()) due = null;
  },
  // The times of a chain that was not run as fast as it goes.
  now: () => BEGIN + Number(network.timekeeper.slot) * DEFAULT_PARAMS.slotDurationMs,
  log: print,
});
const { chain, pool, segments } = network;
const [, bob] = developmentAccounts();
chain.on('best', () => (due = null));

function plotted(): Promise<AuditedSector> {
  const { protocolInfo } = farmerAppInfo(chain);
  const plan = planSector(identity.publicKey, 0, 1n, DEFAULT_PARAMS.maxPiecesInSector, protocolInfo);
  return plotInMemory(plan, compute, {
    piece: (index) => segments.piece(index),
    segmentCommitment: (index) => segments.header(index)?.segmentCommitment ?? null,
  });
}

/** Submits the first solution of a slot that gives a block. */
async function solve(slot: SlotInfo): Promise<void> {
  const forBlocks = { ...slot, votingSolutionRange: slot.solutionRange };
  const { candidates } = await auditSlot([await sector], forBlocks, compute);
  for (const candidate of candidates.slice(0, 1)) {
    const solution = await proveCandidate(candidate, forBlocks, {
      pool: compute,
      publicKey: identity.publicKey,
      rewardAddress: identity.publicKey,
      signal: new AbortController().signal,
    });
    if (solution === null || !network.hub.submit(slot.slotNumber, solution)) continue;
    due = slot.slotNumber + BigInt(DEFAULT_PARAMS.blockAuthoringDelay);
  }
}

const sector = plotted();
network.hub.onSlot((slot) => (busy = busy.then(() => solve(slot))));
network.hub.onRewardSigning(({ hash }) => network.hub.submitSignature(hash, identity.signReward(hash)));

const prepared: { nodes: StoredNode[]; sample: Omit<Sample, 'pieceIndex' | 'offset'> }[] = [];
for (const { about, entry, options } of sampleSources()) {
  const nodes: StoredNode[] = [];
  const tree = prepareTree(entry, options);
  let step = await tree.next();
  for (; !step.done; step = await tree.next()) nodes.push(step.value);
  const { hash, size } = step.value;
  const { kind, name } = entry;
  prepared.push({ nodes, sample: { name, about, kind, cid: cidOfHash(hash), bytes: Number(size) } });
}

const send = (call: Uint8Array): void => void pool.submit(signTransaction(chain, pool, bob!, call));
const sendNodes = (nodes: StoredNode[]): void => nodes.forEach(({ bytes }) => send(remarkCall(bytes)));

const stored = new Set<string>();
let borderCrossed = false;
let finished = 0;
const done = new Promise<void>((resolve) => {
  chain.on('best', ({ number }) => {
    const { segment, bytesLeft: room } = segments.openSegment();
    const closed = Number(segment);
    print(`  ${closed} segments closed, ${room} bytes left in the next`);
    if (finished > 0) {
      if (number >= finished && segments.headers().length === PREPARED_SEGMENTS) resolve();
      return;
    }
    if (number === 1) {
      for (const { nodes } of prepared.slice(0, -1)) {
        const fresh = nodes.filter(({ hash: node }) => !stored.has(toHex(node)));
        for (const { hash: node } of fresh) stored.add(toHex(node));
        sendNodes(fresh);
      }
    } else if (closed === 1 && !borderCrossed && room > 2 * BEFORE_BORDER) {
      const whole = room > 2 * MAX_FILLER_BYTES;
      const wanted = room - BEFORE_BORDER;
      send(fillerCall(whole ? MAX_FILLER_BYTES : wanted > MAX_FILLER_BYTES ? wanted >> 1 : wanted));
    } else if (closed === 1) {
      if (!borderCrossed) sendNodes(prepared.at(-1)!.nodes);
      borderCrossed = true;
    } else if (closed < PREPARED_SEGMENTS || room > ROOM_LEFT + MAX_FILLER_BYTES)
      send(fillerCall(MAX_FILLER_BYTES));
    else finished = number + DEFAULT_PARAMS.confirmationDepthK + 2;
  });
});
await done;
const samples = prepared.map(({ nodes, sample }): Sample => {
  for (const { hash } of nodes)
    if (segments.place(hash) === null) throw new Error(`a part of ${sample.name} is not archived`);
  const { pieceIndex, offset } = segments.place(nodes.at(-1)!.hash)!;
  return { ...sample, pieceIndex: Number(pieceIndex), offset };
});
await network.stop();
await compute.close();

mkdirSync(new URL('./data/history/', import.meta.url), { recursive: true });
const blocks = readFileSync(join(FOLDER, BLOCKS_FILE));
const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 };
writeFileSync(new URL('./data/history/blocks.br', import.meta.url), brotliCompressSync(blocks, { params }));
for (const name of historyFiles())
  copyFileSync(join(FOLDER, 'segments', name), new URL(`./data/history/${name}`, import.meta.url));
writeFileSync(new URL('./data/samples.json', import.meta.url), `${JSON.stringify(samples, null, 2)}\n`);
writeFileSync(new URL('./data/history/genesis', import.meta.url), chain.genesis.hash);
