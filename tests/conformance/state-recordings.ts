/** Recorded states, metadata and blocks, as the suites about them share them. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { fromHex } from '../../src/protocol/bytes.ts';
import { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import type { Recorded } from './protocol-support.ts';
import type { ProofEntry } from './state-names.ts';
import type { ConformanceContext } from './types.ts';

export const hex = (text: string): Uint8Array => fromHex(text);

export interface GenesisProofsFile {
  blockHash: string;
  stateRoot: string;
  single: ProofEntry[];
}

export interface ChronosPallet {
  index: number;
  calls: Record<string, number>;
  storage: Record<string, { kind: string; modifier: string; type: string }>;
}

export interface ChronosFile extends Recorded {
  name: string;
  id: string;
  protocolId: string;
  properties: Recorded & { potExternalEntropy: string };
  genesisHash: string;
  genesisHeaderScale: string;
  stateRoot: string;
  codeHashBlake2b256: string;
  codeLength: number;
  decompressedCodeLength: number;
  genesisStateEntries: number;
  runtimeApi: Record<string, string>;
  segment0: Recorded & { segmentHeaderScale: string; pieceCommitments: string[] };
  decoded: Record<string, unknown>;
  pallets: Record<string, ChronosPallet>;
  transactionExtensions: string[];
}

export interface RecordedExtrinsics {
  number: number;
  hash: string;
  branch: string;
  headerScale: string;
  extrinsics: string[];
  extrinsicKinds: string[];
  solutionRangesAfterScale: string;
  potParametersAfter: { scale: string };
}

export interface ChainFile {
  meta: {
    genesis: { hash: string; headerScale: string; stateRoot: string };
    genesisOverrides: { what: string; key: string; value: string }[];
    accounts: { name: string; publicKey: string }[];
    runtime: Recorded;
  };
  blocks: RecordedExtrinsics[];
}

/** Metadata of a set, if it is among its `files`, or the project's own: all sets are of one runtime. */
export async function metadataOf(
  ctx: ConformanceContext,
  files: string[],
  version: 14 | 15,
): Promise<RuntimeMetadata> {
  const name = `chain/chronos-metadata-v${version}.hex.gz`;
  const bytes = files.includes(name)
    ? await ctx.read(name)
    : gunzipSync(await readFile(new URL(`../vectors/${name}`, import.meta.url)));
  return RuntimeMetadata.decode(fromHex(new TextDecoder().decode(bytes).trim()));
}

export function camel(text: string): string {
  return text.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
