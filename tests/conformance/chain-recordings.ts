/** Recorded chains, as their cases share them. */
import { fromHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import type { RecordedBlock } from './chain-support.ts';
import type { Recorded } from './protocol-support.ts';

export interface ChainBlock extends Recorded, RecordedBlock {
  number: number;
  hash: string;
  branch: string;
  justification: string;
  digest: Recorded;
  derived: Recorded;
  extrinsics: string[];
  extrinsicKinds: string[];
  signed: (Recorded & { index: number })[];
  cumulativeWeight: string;
}

export interface ImportEntry {
  hash: string;
  number: number;
  branch: string;
  cumulativeWeight: string;
  bestAfter: string;
  bestNumberAfter: number;
}

export interface ChainFile {
  set: string;
  meta: {
    note: string;
    genesis: Recorded & {
      hash: string;
      headerScale: string;
      header: unknown;
      potExternalEntropyUtf8: string;
      potSlotIterations: number;
      solutionRange: string;
    };
    genesisOverrides: { what: string; key: string; value: string }[];
    runtime: { specVersion: number; transactionVersion: number };
    accounts: { name: string; publicKey: string; miniSecretKey?: string }[];
    farmers: string[];
    plots: (Recorded & { farmer: number; sectorIndex: number; pieceOffset: number; historySize: string })[];
    segment0: Recorded & {
      segmentHeaderScale: string;
      segmentCommitment: string;
      archivedGenesisPrefixScale: string;
      pieceCommitments: string[];
      pieceWitnessesOfPlottedPieces: { position: number; witness: string }[];
    };
  };
  blocks: ChainBlock[];
  importOrder: ImportEntry[];
}

export interface LongFile {
  set: string;
  genesisHash: string;
  blocks: (RecordedBlock & { number: number; hash: string; branch: string })[];
  final: ImportEntry;
}

interface NegativeCase extends Recorded, RecordedBlock {
  name: string;
  note: string;
  base: string;
  number: number;
  stage: 'stateless' | 'import';
  rule: string;
  referenceError?: string;
  importRuleIfStatelessIsSkipped: string | null;
  header: unknown;
  hash: string;
}

export interface NegativeFile {
  set: string;
  genesisHash: string;
  cases: NegativeCase[];
  headerValidOnly: (Recorded &
    RecordedBlock & {
      name: string;
      expect: string;
      base: string;
      number: number;
      header: unknown;
      hash: string;
    })[];
}

export const hex = (text: string): Uint8Array => fromHex(text);

/** Bytes of a storage item that the recorded network has other than Chronos, whose genesis the rest is; or null. */
export function overrideOf({ meta }: ChainFile, pallet: string, item: string): Uint8Array | null {
  const key = toPrefixedHex(storagePrefix(pallet, item));
  const found = meta.genesisOverrides.find((override) => override.key === key);
  return found === undefined ? null : hex(found.value);
}
