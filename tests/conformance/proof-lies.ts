/** Storage proofs that prove nothing, or not what they are said to prove. */
import { fromHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { readProof } from '../../src/protocol/trie-proof.ts';
import { expectSame, refusal } from './protocol-support.ts';
import type { ProofEntry } from './state-names.ts';

export interface Lie {
  name: string;
  rule: string;
  blockHash: string;
  stateRoot: string;
  keys: string[];
  claimedValues: (string | null)[];
  proof: string[];
}

export interface ProvenBlock {
  blockHash: string;
  stateRoot: string;
  single: ProofEntry[];
  multi: ProofEntry[];
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const RULES = ['root not in proof', 'node hash mismatch', 'proof incomplete', 'value mismatch'] as const;

/** What is wrong with a lie, from the truth about its block. */
function faultOf(lie: Lie, block: ProvenBlock, truth: ProofEntry): (typeof RULES)[number] {
  const nodes = new Set([...block.single, ...block.multi].flatMap(({ proof }) => proof));
  if (lie.stateRoot !== block.stateRoot) return 'root not in proof';
  if (lie.proof.some((node) => !nodes.has(node))) return 'node hash mismatch';
  return truth.proof.every((node) => lie.proof.includes(node)) ? 'value mismatch' : 'proof incomplete';
}

/**
 * A lie has to be refused, or read as something else than it claims; for the reason that is recorded, where the
 * truth is recorded too and the reason is in words that are known here.
 */
export async function checkLie(lie: Lie, blocks: readonly ProvenBlock[]): Promise<void> {
  const read = () =>
    readProof(
      fromHex(lie.stateRoot),
      lie.proof.map((node) => fromHex(node)),
      lie.keys.map((key) => fromHex(key)),
    );
  const refused = await refusal(read);
  if (refused !== null && !refused.message.startsWith('storage-proof')) throw refused;
  const values = refused === null ? read().map((value) => value && toPrefixedHex(value)) : null;
  if (isSame(values, lie.claimedValues)) throw new Error('the lie is proven');
  expectSame('values', lie.claimedValues.length, lie.keys.length);

  const block = blocks.find(({ blockHash }) => blockHash === lie.blockHash);
  const entries = [...(block?.single ?? []), ...(block?.multi ?? [])];
  const truth = entries.find(({ keys }) => isSame(keys, lie.keys));
  if (block === undefined || truth === undefined) return;
  const fault = faultOf(lie, block, truth);
  // The paths of two keys may coincide: the proof of one then decides the other, and shows what it holds instead.
  const isOfAnother = entries.some(({ keys, proof }) => !isSame(keys, lie.keys) && isSame(proof, lie.proof));
  if (isOfAnother && lie.rule === 'proof incomplete') return;
  if (RULES.some((rule) => rule === lie.rule)) expectSame('rule', fault, lie.rule);
  expectSame('is it refused', refused !== null, fault !== 'value mismatch');
}
