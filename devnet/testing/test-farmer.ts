/**
 * A farmer of one sector of one piece. Slots, sector and solutions follow from the genesis block alone, as long as
 * a test's chain grows the same way, so what a farmer found before is kept beside this file: plotting and proving
 * take seconds, looking up takes none. Slots that are not known are farmed for real; with `RECORD_SOLUTIONS` set
 * in the environment what was found is kept.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SegmentPieces } from '../../src/crypto/archive.ts';
import type { ComputePool } from '../../src/crypto/jobs.ts';
import { createNodePool } from '../../src/crypto/pool/node.ts';
import { auditSlot, type AuditedSector } from '../../src/farm/auditor.ts';
import { identityFromEntropy, type FarmerIdentity } from '../../src/farm/identity.ts';
import { planSector, type SectorPlan } from '../../src/farm/plan.ts';
import { proveCandidate } from '../../src/farm/prover.ts';
import { Archiver, extendGenesisBlock } from '../../src/protocol/archiver.ts';
import { encodeSignedBlock } from '../../src/protocol/block.ts';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { decodeAll, ScaleWriter } from '../../src/protocol/scale.ts';
import { positionOfPiece } from '../../src/protocol/segment.ts';
import { readSolution, writeSolution } from '../../src/protocol/solution.ts';
import type { SlotInfo, Solution } from '../../src/protocol/types.ts';
import { Chain } from '../chain.ts';
import { FAST_PARAMS } from '../config.ts';
import { farmerAppInfo } from '../rpc/subspace.ts';
import { shippedCommitments } from '../segments.ts';
import { plotInMemory } from './plot-sector.ts';

const KEPT = new URL('./solutions.bin', import.meta.url);
/** Bytes of a challenge that tell it from others. */
const NAME_BYTES = 8;
/** Entropy of a farmer whose sector begins with a source piece, which is made in no time. */
const ENTROPY = new Uint8Array(32).fill(3);

export class TestFarmer {
  private readonly known = new Map<string, Solution[]>();
  private sector: Promise<AuditedSector> | null = null;
  private found = false;

  private constructor(
    readonly identity: FarmerIdentity,
    readonly compute: ComputePool,
  ) {
    for (const [name, solutions] of readKept()) this.known.set(name, solutions);
  }

  static async create(): Promise<TestFarmer> {
    return new TestFarmer(await identityFromEntropy(ENTROPY), createNodePool(1));
  }

  /** All solutions of a slot within its voting range. */
  async solve(slot: SlotInfo): Promise<Solution[]> {
    const name = toHex(slot.globalChallenge.subarray(0, NAME_BYTES));
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const solutions = await this.farm(slot);
    this.known.set(name, solutions);
    this.found = true;
    return solutions;
  }

  private async farm(slot: SlotInfo): Promise<Solution[]> {
    this.sector ??= plot(this.identity, this.compute);
    const { candidates } = await auditSlot([await this.sector], slot, this.compute);
    const solutions: Solution[] = [];
    for (const candidate of candidates) {
      const solution = await proveCandidate(candidate, slot, {
        pool: this.compute,
        publicKey: this.identity.publicKey,
        rewardAddress: this.identity.publicKey,
        signal: new AbortController().signal,
      });
      if (solution !== null) solutions.push(solution);
    }
    return solutions;
  }

  async close(): Promise<void> {
    await this.compute.close();
    if (!this.found || process.env['RECORD_SOLUTIONS'] === undefined) return;
    // Another network of the same test may have kept its own meanwhile.
    const all = [...new Map([...readKept(), ...this.known])];
    const writer = new ScaleWriter(1 << 16).vec(all, (item, [name, solutions]) =>
      item.raw(fromHex(name)).vec(solutions, writeSolution),
    );
    writeFileSync(KEPT, writer.bytes());
  }
}

/** Solutions by the name of their slot's challenge. */
function readKept(): Map<string, Solution[]> {
  if (!existsSync(KEPT)) return new Map();
  const slots = decodeAll(new Uint8Array(readFileSync(KEPT)), 'solutions', (reader) =>
    reader.vec((item) => [toHex(item.raw(NAME_BYTES)), item.vec(readSolution)] as const),
  );
  return new Map(slots);
}

async function plot({ publicKey }: FarmerIdentity, pool: ComputePool): Promise<AuditedSector> {
  const folder = mkdtempSync(join(tmpdir(), 'allotment-genesis-'));
  const chain = await Chain.open(FAST_PARAMS, folder);
  const plan = planSector(publicKey, 0, 1n, 1, farmerAppInfo(chain).protocolInfo);
  const { piece, segmentCommitment } = pieceOf(chain, plan);
  chain.close();
  rmSync(folder, { recursive: true });
  return plotInMemory(plan, pool, {
    piece: () => Promise.resolve(piece),
    segmentCommitment: () => segmentCommitment,
  });
}

function pieceOf(chain: Chain, plan: SectorPlan): { piece: Uint8Array; segmentCommitment: Uint8Array } {
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
