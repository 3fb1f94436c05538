/**
 * Writes `data/genesis-segments.bin`: what archiving gives for the genesis blocks of the default and of the fast
 * parameters, so that they start without computing it. To be run after every change of the genesis state:
 * `node --import tsx devnet/genesis-segment.ts`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { concat } from '../src/protocol/bytes.ts';
import { Chain } from './chain.ts';
import { DEFAULT_PARAMS, FAST_PARAMS } from './config.ts';
import { computeGenesisCommitments, encodeShipped, SHIPPED } from './segments.ts';

const pool = createNodePool(2);
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const records: Uint8Array[] = [];
for (const params of [DEFAULT_PARAMS, FAST_PARAMS]) {
  const folder = mkdtempSync(join(tmpdir(), 'genesis-segment-'));
  const chain = await Chain.open(params, folder);
  records.push(encodeShipped(chain, await computeGenesisCommitments(chain, pool, print)));
  chain.close();
  rmSync(folder, { recursive: true });
}
writeFileSync(SHIPPED, concat(...records));
await pool.close();
