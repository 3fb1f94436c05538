/** The network's own farmer: a sector or so, so that the chain moves before anybody else farms. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ComputePool } from '../src/crypto/jobs.ts';
import { randomBytes } from '../src/crypto/random.ts';
import { Farm } from '../src/farm/farm.ts';
import { decodeIdentityFile, encodeIdentityFile, identityFromEntropy } from '../src/farm/identity.ts';
import { bytesOfSectors } from '../src/farm/sectors.ts';
import type { AuthoringNode, PieceSource, VerifiedHistory } from '../src/farm/source.ts';
import { NodeDirectory } from '../src/storage/node-directory.ts';
import { developmentAccounts } from './accounts.ts';
import type { Chain } from './chain.ts';
import type { NodeOptions } from './config.ts';
import type { FarmingHub } from './farming.ts';
import type { SlotNumber } from '../src/protocol/types.ts';
import { historySize, segmentCommitment } from './runtime/subspace-state.ts';
import { farmerAppInfo } from './rpc/subspace.ts';
import type { Segments } from './segments.ts';

const ENTROPY_BYTES = 32;
/** A machine that takes longer to prove cannot run the network. */
const LONGEST_PROOF_MS = 120_000;
/** As a node replies when a solution comes too late. */
const SOLUTION_IGNORED = '9001';

export class OwnFarmer {
  private constructor(
    private readonly farm: Farm,
    private readonly audits: { underWay: number },
  ) {}

  static async open(
    chain: Chain,
    hub: FarmingHub,
    segments: Segments,
    pool: ComputePool,
    options: NodeOptions,
  ): Promise<OwnFarmer> {
    const { ownSectors, ownPiecesInSector, dataDir, log } = options;
    const audits = { underWay: 0 };
    const farm = await Farm.open({
      directory: await NodeDirectory.at(join(dataDir, 'farm')),
      pool: counting(pool, audits),
      pieces: piecesOf(segments),
      history: historyOf(chain, segments),
      node: nodeOf(chain, hub),
      identity: await identityFromEntropy(entropyIn(join(dataDir, 'identity.bin'))),
      rewardAddress: developmentAccounts()[0]!.publicKey,
      allocatedBytes: bytesOfSectors(ownSectors, ownPiecesInSector),
      piecesInSector: ownPiecesInSector,
      plotConcurrency: 1,
    });
    farm.onNotice(({ level, category, text }) => {
      if (level !== 'success' || category === 'farm') log(`Own farmer: ${text}`);
    });
    return new OwnFarmer(farm, audits);
  }

  start(): void {
    this.farm.start();
  }

  /** The oldest slot that a proof is under way for, or null. */
  get provingSlot(): SlotNumber | null {
    const proving = this.farm.snapshot().history.filter(({ outcome }) => outcome === 'proving');
    const slots = proving.map(({ slot }) => BigInt(slot));
    return slots.length === 0 ? null : slots.reduce((oldest, slot) => (slot < oldest ? slot : oldest));
  }

  /** Whether it still looks for a slot's solutions. */
  get auditing(): boolean {
    return this.audits.underWay > 0;
  }

  stop(): Promise<void> {
    return this.farm.stop();
  }
}

/** The pool, whose audits under way are counted. */
function counting(pool: ComputePool, audits: { underWay: number }): ComputePool {
  return {
    run: async (job, input, options) => {
      if (job !== 'sector.audit') return pool.run(job, input, options);
      audits.underWay += 1;
      return pool.run(job, input, options).finally(() => (audits.underWay -= 1));
    },
    resize: (workers) => pool.resize(workers),
    status: () => pool.status(),
    close: () => pool.close(),
  };
}

function entropyIn(path: string): Uint8Array {
  if (existsSync(path)) return decodeIdentityFile(new Uint8Array(readFileSync(path)));
  const entropy = randomBytes(ENTROPY_BYTES);
  writeFileSync(path, encodeIdentityFile(entropy), { mode: 0o600 });
  return entropy;
}

function piecesOf(segments: Segments): PieceSource {
  return { name: 'the local network', piece: (index) => segments.piece(index) };
}

function historyOf(chain: Chain, segments: Segments): VerifiedHistory {
  const state = () => chain.stateOf(chain.best.hash);
  return {
    historySize: () => historySize(state()),
    // Before block 1 the genesis segment is not in state yet, but farmers plot it already.
    segmentCommitment: (segment) =>
      segmentCommitment(state(), segment) ?? (segment === 0n ? segments.header(0n)!.segmentCommitment : null),
    onChange: (listener) => chain.on('best', listener),
  };
}

function nodeOf(chain: Chain, hub: FarmingHub): AuthoringNode {
  return {
    // Time waits for this farmer, see `waitingFor` of the network.
    appInfo: () => Promise.resolve({ ...farmerAppInfo(chain), farmingTimeoutMs: LONGEST_PROOF_MS }),
    onSlot: (listener) => hub.onSlot(listener),
    onRewardSigning: (listener) => hub.onRewardSigning(listener),
    submitSolution: (slot, solution) =>
      hub.submit(slot, solution)
        ? Promise.resolve()
        : Promise.reject(Object.assign(new Error('Solution was ignored'), { code: SOLUTION_IGNORED })),
    submitRewardSignature: (hash, signature) => {
      hub.submitSignature(hash, signature);
      return Promise.resolve();
    },
  };
}
