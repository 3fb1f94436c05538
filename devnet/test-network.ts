/** A local network inside a test: fast parameters, slots that wait for the farmer, one small sector. */
import { mkdirSync, mkdtempSync, openSync, rmSync, writeSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SegmentPieces } from '../src/crypto/archive.ts';
import type { ComputePool } from '../src/crypto/jobs.ts';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { auditSlot, type AuditedSector } from '../src/farm/auditor.ts';
import { identityFromEntropy, type FarmerIdentity } from '../src/farm/identity.ts';
import { planSector, type SectorPlan } from '../src/farm/plan.ts';
import { plotSector } from '../src/farm/plotter.ts';
import { proveCandidate } from '../src/farm/prover.ts';
import { SectorFile } from '../src/farm/sector-file.ts';
import { Archiver, extendGenesisBlock } from '../src/protocol/archiver.ts';
import { encodeSignedBlock } from '../src/protocol/block.ts';
import { fromHex } from '../src/protocol/bytes.ts';
import { PIECE_BYTES } from '../src/protocol/constants.ts';
import { positionOfPiece } from '../src/protocol/segment.ts';
import type { SlotInfo } from '../src/protocol/types.ts';
import { MemoryDirectory } from '../src/storage/memory-directory.ts';
import { Chain, type Block } from './chain.ts';
import { DEFAULT_NODE_OPTIONS, FAST_PARAMS, type NodeOptions } from './config.ts';
import { LocalNetwork } from './network.ts';
import { farmerAppInfo } from './rpc/subspace.ts';
import { shippedCommitments } from './segments.ts';

/** Entropy of a farmer whose first sector begins with a source piece, which is made in no time. */
const ENTROPY = new Uint8Array(32).fill(3);

/** What outlives a restart of the network: its folder, the farmer and its sector. */
export class TestFarm {
  private constructor(
    readonly folder: string,
    readonly identity: FarmerIdentity,
    readonly compute: ComputePool,
    private readonly sector: AuditedSector,
  ) {}

  /** Plots one sector of one piece: a few seconds. */
  static async plot(): Promise<TestFarm> {
    const folder = mkdtempSync(join(tmpdir(), 'allotment-devnet-'));
    const compute = createNodePool(1);
    const identity = await identityFromEntropy(ENTROPY);
    const chain = await Chain.open(FAST_PARAMS, folder);
    const rules = farmerAppInfo(chain).protocolInfo;
    const plan = planSector(identity.publicKey, 0, 1n, 1, rules);
    const { piece, segmentCommitment } = piecesOf(chain, plan);
    chain.close();
    mkdirSync(join(folder, 'segments'), { recursive: true });
    const file = openSync(join(folder, 'segments', '0.pieces'), 'w');
    writeSync(file, piece, 0, PIECE_BYTES, positionOfPiece(plan.pieces[0]!.index) * PIECE_BYTES);
    closeSync(file);
    const directory = new MemoryDirectory();
    await plotSector(plan, {
      pool: compute,
      pieces: { name: 'test', piece: () => Promise.resolve(piece) },
      history: {
        historySize: () => 1n,
        segmentCommitment: () => segmentCommitment,
        onChange: () => () => undefined,
      },
      directory,
      concurrency: 1,
      signal: new AbortController().signal,
      progress: () => undefined,
      badPiece: () => undefined,
      beforeReplace: () => Promise.resolve(),
    });
    const sector = {
      sectorIndex: 0,
      sectorId: plan.sectorId,
      file: await SectorFile.open(directory, 0, true),
    };
    return new TestFarm(folder, identity, compute, sector);
  }

  /** Audits a slot and hands in what wins. */
  async farm(
    slot: SlotInfo,
    submit: (solution: Parameters<LocalNetwork['hub']['submit']>[1]) => void,
  ): Promise<void> {
    const { candidates } = await auditSlot([this.sector], slot, this.compute);
    for (const candidate of candidates) {
      const solution = await proveCandidate(candidate, slot, {
        pool: this.compute,
        publicKey: this.identity.publicKey,
        rewardAddress: this.identity.publicKey,
        signal: new AbortController().signal,
      });
      if (solution !== null) submit(solution);
    }
  }

  async close(): Promise<void> {
    await this.compute.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function piecesOf(chain: Chain, plan: SectorPlan): { piece: Uint8Array; segmentCommitment: Uint8Array } {
  const commitments = shippedCommitments(fromHex(chain.genesis.hash, 32));
  if (commitments === null) throw new Error('run devnet/genesis-segment.ts: the genesis state changed');
  const block = encodeSignedBlock(chain.signedBlock(chain.genesis.hash)!);
  const extended = extendGenesisBlock(block, chain.genesis.header.stateRoot);
  const recorded = new Archiver().addBlock(extended, []).segments[0]!.record(null);
  const position = positionOfPiece(plan.pieces[0]!.index);
  return {
    piece: new SegmentPieces(recorded, commitments).at(position),
    segmentCommitment: commitments.segmentCommitment,
  };
}

/** A running network whose slots wait until its farmer is done with the one before. */
export class TestNetwork {
  private busy: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly network: LocalNetwork,
    readonly lines: string[],
  ) {}

  static async start(farm: TestFarm, options: Partial<NodeOptions> = {}): Promise<TestNetwork> {
    const lines: string[] = [];
    let self: TestNetwork | null = null;
    const network = await LocalNetwork.start(FAST_PARAMS, {
      ...DEFAULT_NODE_OPTIONS,
      rpcPort: 0,
      ownSectors: 0,
      dataDir: farm.folder,
      log: (line) => lines.push(line),
      pace: async (signal) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await Promise.race([self?.busy, aborted(signal)]);
      },
      ...options,
    });
    self = new TestNetwork(network, lines);
    self.attach(farm);
    return self;
  }

  private attach(farm: TestFarm): void {
    const { hub } = this.network;
    hub.onSlot((slot) => {
      this.busy = this.busy.then(() => farm.farm(slot, (solution) => hub.submit(slot.slotNumber, solution)));
    });
    hub.onRewardSigning(({ hash }) => hub.submitSignature(hash, farm.identity.signReward(hash)));
  }

  /** The first block of at least this number that becomes best. */
  reach(number: number): Promise<Block> {
    const { chain } = this.network;
    if (chain.best.number >= number) return Promise.resolve(chain.best);
    return new Promise((resolve) => {
      const off = chain.on('best', (block) => {
        if (block.number < number) return;
        off();
        resolve(block);
      });
    });
  }

  async stop(): Promise<void> {
    await this.network.stop();
    await this.busy;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
