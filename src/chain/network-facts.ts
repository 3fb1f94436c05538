/** What a light client must know of a network before it can check the first block. */
import type { ChainSource } from '../network/source.ts';
import { concat, fromHex, fromLittleEndian, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { decodeAll, ScaleReader } from '../protocol/scale.ts';
import type { ChainConstants, Header } from '../protocol/types.ts';
import { decodeRuntimeConstants } from './constants.ts';
import { requireGenesis, type GenesisFacts } from './genesis.ts';

/** What is known of a network beforehand; null: ask. */
export interface KnownNetwork {
  /** 32 bytes. */
  genesisHash: Uint8Array | null;
  constants: ChainConstants | null;
  potExternalEntropy: string | null;
}

export interface NetworkFacts {
  genesis: GenesisFacts;
  constants: ChainConstants;
}

const NO_INPUT = new Uint8Array();
/** `Subspace.AllowAuthoringByAnyone`. */
const ALLOW_AUTHORING_BY_ANYONE = fromHex('3e1e8e35b440038ed6e6cf14c413a102583c8e2a2d795fcdd0a88255e8bba7ff');

/** The genesis header of a source, checked against the hash. Throws ProtocolError. */
export async function genesisHeader(
  source: ChainSource,
  hash: Uint8Array,
  signal?: AbortSignal,
): Promise<Header> {
  const header = await source.header(hash, signal);
  if (header === null) throw new DecodeError('genesis', 'the source does not have its genesis block');
  requireGenesis(header, hash);
  return header;
}

/** Reads a network's facts from a source. Throws what the source's answers are refused with. */
export async function readNetworkFacts(
  source: ChainSource,
  known: KnownNetwork,
  signal?: AbortSignal,
): Promise<NetworkFacts> {
  const hash = known.genesisHash ?? (await source.genesisHash(signal));
  const header = await genesisHeader(source, hash, signal);
  const call = (method: string) => source.stateCall(method, NO_INPUT, hash, signal);
  const [ranges, pot, adjust, anyone, properties, constants] = await Promise.all([
    call('SubspaceApi_solution_ranges'),
    call('SubspaceApi_pot_parameters'),
    call('SubspaceApi_should_adjust_solution_range'),
    source.storage(ALLOW_AUTHORING_BY_ANYONE, hash, signal),
    known.potExternalEntropy === null ? source.properties(signal) : null,
    known.constants ?? readConstants(source, hash, signal),
  ]);
  return {
    genesis: {
      header,
      solutionRange: decodeAll(ranges, 'solution-ranges', (reader) => {
        const current = reader.u64();
        reader.option((some) => some.u64());
        reader.u64();
        reader.option((some) => some.u64());
        return current;
      }),
      potSlotIterations: decodeAll(pot, 'pot-parameters', (reader) => {
        const version = reader.u8();
        if (version !== 0) reader.fail(`unknown version ${version}`);
        const iterations = reader.u32();
        if (reader.bool()) reader.fail('a change is scheduled at genesis');
        return iterations;
      }),
      externalEntropy: known.potExternalEntropy ?? properties?.potExternalEntropy ?? '',
      restricted: anyone === null || !decodeAll(anyone, 'boolean', (reader) => reader.bool()),
      adjusting: decodeAll(adjust, 'boolean', (reader) => reader.bool()),
      firstCommitment: null,
    },
    constants,
  };
}

/** Constants as a source's runtime states them at a block. Throws DecodeError. */
export async function readConstants(
  source: ChainSource,
  at: Uint8Array,
  signal?: AbortSignal,
): Promise<ChainConstants> {
  const [runtime, metadata] = await Promise.all([
    source.stateCall('SubspaceApi_chain_constants', NO_INPUT, at, signal),
    source.metadata(at, signal),
  ]);
  const small = (name: string, size: number) => Number(metadataConstant(metadata, name, size));
  return {
    ...decodeRuntimeConstants(runtime),
    potEntropyInjectionInterval: small('PotEntropyInjectionInterval', 4),
    potEntropyInjectionLookbackDepth: small('PotEntropyInjectionLookbackDepth', 1),
    potEntropyInjectionDelay: metadataConstant(metadata, 'PotEntropyInjectionDelay', 8),
    maxPiecesInSector: small('MaxPiecesInSector', 2),
    expectedVotesPerBlock: small('ExpectedVotesPerBlock', 4),
  };
}

/**
 * Unsigned constant of `size` bytes in metadata (version 14 or 15): its name, the number of its type, its value's
 * bytes. Throws DecodeError unless exactly one place has that shape.
 */
function metadataConstant(metadata: Uint8Array, name: string, size: number): bigint {
  const label = concat(Uint8Array.of(name.length << 2), utf8(name));
  const found: bigint[] = [];
  for (let at = indexOf(metadata, label, 0); at >= 0; at = indexOf(metadata, label, at + 1)) {
    const reader = new ScaleReader(metadata.subarray(at + label.length, at + label.length + 16), 'metadata');
    reader.compact();
    if (reader.compact() === size && reader.remaining >= size) found.push(fromLittleEndian(reader.raw(size)));
  }
  const [value, ...more] = found;
  if (value === undefined || more.length > 0) {
    throw new DecodeError('metadata', `the constant ${name} stands there ${found.length} times`);
  }
  return value;
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(wanted[0]!, from); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) {
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}
