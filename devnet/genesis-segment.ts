/**
 * Writes `data/genesis-segment.bin`: what archiving gives for the genesis block of the default parameters, so that
 * the local network starts without computing it. To be run after every change of the genesis state:
 * `node --import tsx devnet/genesis-segment.ts`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { concat, fromHex } from '../src/protocol/bytes.ts';
import { Chain } from './chain.ts';
import { DEFAULT_PARAMS } from './config.ts';
import { computeGenesisCommitments } from './segments.ts';

const folder = mkdtempSync(join(tmpdir(), 'genesis-segment-'));
const pool = createNodePool(2);
const chain = await Chain.open(DEFAULT_PARAMS, folder);
const { segmentCommitment, recordCommitments, recordWitnesses } = await computeGenesisCommitments(
  chain,
  pool,
  (line) => process.stdout.write(`${line}\n`),
);
const bytes = concat(fromHex(chain.genesis.hash, 32), segmentCommitment, recordCommitments, recordWitnesses);
writeFileSync(new URL('./data/genesis-segment.bin', import.meta.url), bytes);
await pool.close();
chain.close();
rmSync(folder, { recursive: true });
