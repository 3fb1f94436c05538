/**
 * A local network with its prepared history for browser tests, run as a program: a farmer of its own, a peer of the
 * storage network, and a segment that is nearly full. A block is made only when one is wanted: as many as it takes to
 * archive what a transaction stored. Prints a line of JSON with its address and a checkpoint to begin from. Lines that
 * it reads say which pieces it keeps to itself (`all`, `source` for every source piece, `none`), which it repeats;
 * `filled` is repeated once the segment is nearly full. It ends with its input.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { developmentAccounts } from '../../devnet/accounts.ts';
import { DEFAULT_NODE_OPTIONS, DEFAULT_PARAMS } from '../../devnet/config.ts';
import { fillerCall, MAX_FILLER_BYTES, storesObjects } from '../../devnet/filler.ts';
import { LocalNetwork } from '../../devnet/network.ts';
import { historySize } from '../../devnet/runtime/subspace-state.ts';
import { signTransaction } from '../../devnet/transactions.ts';
import { formatCheckpoint } from '../../src/chain/checkpoint-text.ts';
import { encodeIdentityFile } from '../../src/farm/identity.ts';
import { decodeExtrinsic } from '../../src/protocol/extrinsic.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { isSourcePiece } from '../../src/protocol/segment.ts';
import type { PieceIndex } from '../../src/protocol/types.ts';
import { LateClock } from './late-clock.ts';

/** At least: a slot waits for the farmer. */
const SLOT_MS = 200;
const LATE_MS = 60 * 60_000;
/** Of a farmer whose sector holds source pieces of one segment, which are made in no time. */
const ENTROPY = Uint8Array.from({ length: 32 }, (_, at) => (at === 1 ? 178 : 0));
const POLL_MS = 50;
/** Left in the segment for what the test stores. */
const ROOM = 1_000_000;

const WITHHELD: Record<string, (index: PieceIndex) => boolean> = {
  all: () => true,
  source: isSourcePiece,
  none: () => false,
};

let withheld = WITHHELD['none']!;
let wanted = 0;
const clock = new LateClock(LATE_MS, DEFAULT_PARAMS.slotDurationMs);
let running: LocalNetwork | null = null;
/** Whether no block is wanted at the moment. */
const isIdle = (): boolean => running !== null && running.chain.best.number >= wanted;
const dataDir = mkdtempSync(join(tmpdir(), 'allotment-e2e-history-'));
writeFileSync(join(dataDir, 'identity.bin'), encodeIdentityFile(ENTROPY));
running = await LocalNetwork.start(DEFAULT_PARAMS, {
  ...DEFAULT_NODE_OPTIONS,
  dataDir,
  rpcPort: 0,
  domainPort: 0,
  dsn: { tcpPort: 0, webSocketPort: 0 },
  withholds: (index) => withheld(index),
  prepared: true,
  fills: true,
  ownPiecesInSector: DEFAULT_PARAMS.maxPiecesInSector,
  farmThreads: 2,
  now: clock.now,
  pace: async (signal) => {
    const pause = (ms: number) => setTimeout(ms, undefined, { signal }).catch(() => undefined);
    await pause(SLOT_MS);
    while (!signal.aborted && isIdle()) await pause(POLL_MS);
  },
  log: (line) => void (process.env['ALLOTMENT_E2E_LOG'] === undefined || process.stderr.write(`${line}\n`)),
});
const { chain, domain, hub, pool, segments, port } = running;
hub.onSlot(clock.tick);

const filler = developmentAccounts().at(-1)!;

let full: () => void;
const filled = new Promise<void>((done) => (full = done));

/** Stores zeros until there is only so much room in the segment. */
function fill(): void {
  const { bytesLeft } = segments.openSegment();
  if (bytesLeft <= ROOM) return full();
  const call = fillerCall(Math.min(MAX_FILLER_BYTES, bytesLeft - ROOM));
  pool.submit(signTransaction(chain, pool, filler, call));
  wanted = chain.best.number + 1;
}

const isStored = (bytes: Uint8Array): boolean => storesObjects(bytes, filler.publicKey);

const begin = chain.best;
const stopFilling = chain.on('best', fill);
fill();
/** The segment that has to be archived. */
let target: bigint | null = null;
pool.onAdded(() => {
  const pending = pool.pending();
  // Votes take part in whatever block comes.
  if (pending.some((bytes) => decodeExtrinsic(bytes).kind === 'signed')) wanted = chain.best.number + 1;
  if (!pending.some(isStored)) return;
  stopFilling();
  target ??= segments.openSegment().segment;
});
chain.on('best', (block) => {
  if (target === null) return;
  if (chain.signedBlock(block.hash)!.extrinsics.some(isStored)) target = segments.openSegment().segment;
  if (historySize(chain.stateOf(block.hash)) > target) target = null;
  else wanted = block.number + 1;
});
const print = (fields: object): void => void process.stdout.write(`${JSON.stringify(fields)}\n`);
print({
  endpoint: `ws://127.0.0.1:${port}`,
  domain: `ws://127.0.0.1:${domain.port}`,
  checkpoint: formatCheckpoint(fromHex(chain.genesis.hash, 32), begin.number, fromHex(begin.hash, 32)),
});
const lines = createInterface({ input: process.stdin });
process.once('SIGTERM', () => lines.close());
for await (const line of lines) {
  if (line === 'filled') void filled.then(() => print({ filled: true }));
  else {
    withheld = WITHHELD[line] ?? withheld;
    print({ withholds: line });
  }
}
await running.stop();
rmSync(dataDir, { recursive: true, force: true });
process.exit(0);
