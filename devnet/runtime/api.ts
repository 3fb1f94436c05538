/** Runtime APIs that `state_call` reaches, by the name of their exported functions. */
import { concat, fromHex, littleEndian } from '../../src/protocol/bytes.ts';
import { blockObjects, encodeBlockObjectMapping } from '../../src/protocol/object-mapping.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from '../../src/protocol/scale.ts';
import type { Block, Chain } from '../chain.ts';
import { accountOf } from './balances.ts';
import { skipCall } from './calls.ts';
import { readValue } from './context.ts';
import { announcedWeight, parseExtrinsic, readBlockWeights } from './parsed-extrinsic.ts';
import { feeDetails, feeOf } from './fees.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import type { Metadata } from './metadata.ts';
import {
  historySize,
  potParameters,
  rootPlotPublicKey,
  segmentCommitment,
  shouldAdjustSolutionRange,
  solutionRanges,
  writeSolutionRanges,
  type State,
} from './subspace-state.ts';
import { encodeRuntimeVersion } from './version.ts';
import { InvalidTransaction } from './context.ts';

interface Call {
  chain: Chain;
  metadata: Metadata;
  block: Block;
  state: State;
  /** SCALE of the parameters. */
  input: Uint8Array;
}

type Api = (call: Call) => Uint8Array;

const write = (encode: (writer: ScaleWriter) => void): Uint8Array => {
  const writer = new ScaleWriter();
  encode(writer);
  return writer.bytes();
};

function parameters<T>(call: Call, read: (reader: ScaleReader) => T): T {
  return decodeAll(call.input, 'call-parameters', read);
}

/** The extrinsic, and its length, that fee queries are about. */
function feeQuery(call: Call): { extrinsic: Uint8Array; length: number } {
  return parameters(call, (reader) => {
    const body = reader.byteVector();
    return { extrinsic: new ScaleWriter().byteVector(body).bytes(), length: reader.u32() };
  });
}

const CLASSES = ['normal', 'operational', 'mandatory'];

/** What a fee query answers. */
export function queryInfo(
  state: State,
  extrinsic: Uint8Array,
  length: number,
): { refTime: bigint; proofSize: bigint; class: string; fee: bigint } {
  const parsed = parseExtrinsic(extrinsic);
  const announced = announcedWeight(parsed);
  const fee = parsed.extrinsic.kind === 'bare' ? 0n : feeOf(state, length, announced);
  return { ...announced, class: parsed.class, fee };
}

const apis: Record<string, Api> = {
  Core_version: () => encodeRuntimeVersion(),
  Metadata_metadata: ({ metadata }) => write((writer) => writer.byteVector(metadata.version(14)!)),
  Metadata_metadata_at_version: (call) => {
    const version = parameters(call, (reader) => reader.u32());
    return write((writer) =>
      writer.option(call.metadata.version(version), (some, bytes) => some.byteVector(bytes)),
    );
  },
  Metadata_metadata_versions: () =>
    write((writer) => writer.vec([14, 15], (item, version) => item.u32(version))),

  SubspaceApi_pot_parameters: ({ chain, state, block }) => {
    const { slotIterations, nextChange } = potParameters(state, block.number, chain.params);
    return write((writer) =>
      writer
        .u8(0)
        .u32(slotIterations)
        .option(nextChange, (some, change) =>
          some.u64(change.slot).u32(change.slotIterations).raw(change.entropy, 32),
        ),
    );
  },
  SubspaceApi_solution_ranges: ({ chain, state }) =>
    write((writer) => writeSolutionRanges(writer, solutionRanges(state, chain.params))),
  SubspaceApi_history_size: ({ state }) => littleEndian(historySize(state), 8),
  SubspaceApi_max_pieces_in_sector: ({ chain }) => littleEndian(chain.params.maxPiecesInSector, 2),
  SubspaceApi_segment_commitment: (call) => {
    const index = parameters(call, (reader) => reader.u64());
    return write((writer) =>
      writer.option(segmentCommitment(call.state, index), (some, commitment) => some.raw(commitment, 48)),
    );
  },
  SubspaceApi_root_plot_public_key: ({ state }) =>
    write((writer) => writer.option(rootPlotPublicKey(state), (some, key) => some.raw(key, 32))),
  SubspaceApi_should_adjust_solution_range: ({ state }) =>
    write((writer) => writer.bool(shouldAdjustSolutionRange(state))),
  SubspaceApi_chain_constants: ({ chain: { params } }) =>
    write((writer) =>
      writer
        .u8(0)
        .u32(params.confirmationDepthK)
        .u64(BigInt(params.blockAuthoringDelay))
        .u32(params.eraDurationInBlocks)
        .u64(params.slotProbability[0])
        .u64(params.slotProbability[1])
        .u64(BigInt(params.slotDurationMs))
        .u64(params.recentSegments)
        .u64(params.recentHistoryFraction[0])
        .u64(params.recentHistoryFraction[1])
        .u64(params.minSectorLifetime),
    ),
  SubspaceApi_block_weight: ({ state }) => {
    const weights = readValue(state, storagePrefix('System', 'BlockWeight'), readBlockWeights);
    const all = weights === null ? [] : [weights.normal, weights.operational, weights.mandatory];
    return write((writer) =>
      writer
        .compact(all.reduce((sum, { refTime }) => sum + refTime, 0n))
        .compact(all.reduce((sum, { proofSize }) => sum + proofSize, 0n)),
    );
  },

  AccountNonceApi_account_nonce: (call) => {
    const id = parameters(call, (reader) => reader.raw(32));
    return littleEndian(accountOf(call.state, id, call.block.number).nonce, 4);
  },

  TransactionPaymentApi_query_info: (call) => {
    const { extrinsic, length } = feeQuery(call);
    const info = queryInfo(call.state, extrinsic, length);
    return write((writer) =>
      writer.compact(info.refTime).compact(info.proofSize).u8(CLASSES.indexOf(info.class)).u128(info.fee),
    );
  },
  TransactionPaymentApi_query_fee_details: (call) => {
    const { extrinsic, length } = feeQuery(call);
    const parsed = parseExtrinsic(extrinsic);
    const details =
      parsed.extrinsic.kind === 'bare' ? null : feeDetails(call.state, length, announcedWeight(parsed));
    return write((writer) =>
      writer
        .option(details, (some, fee) =>
          some.u128(fee.baseFee).u128(fee.lengthFee).u128(fee.adjustedWeightFee),
        )
        .u128(0n),
    );
  },

  TaggedTransactionQueue_validate_transaction: (call) => {
    const { source, extrinsic } = parameters(call, (reader) => {
      const from = reader.u8();
      const body = reader.byteVector();
      reader.raw(32);
      return { source: from, extrinsic: new ScaleWriter().byteVector(body).bytes() };
    });
    if (source > 2) throw new DecodeError('call-parameters', `${source} is no source of transactions`);
    return validity(call, extrinsic);
  },

  ObjectsApi_extract_block_object_mapping: ({ input }) =>
    encodeBlockObjectMapping(blockObjects(concat(input, new Uint8Array([0])), skipCall)),

  MmrApi_mmr_root: ({ state }) => {
    const root = state.get(storagePrefix('Mmr', 'RootHash'));
    return root === null ? fromHex('0000') : concat(new Uint8Array([0]), root);
  },
  MmrApi_mmr_leaf_count: ({ state }) =>
    concat(new Uint8Array([0]), state.get(storagePrefix('Mmr', 'NumberOfLeaves')) ?? new Uint8Array(8)),
};

/** `TransactionValidity`: what the pool orders transactions by, or why one is invalid. */
function validity({ chain, block }: Call, extrinsic: Uint8Array): Uint8Array {
  try {
    const { parsed, nonce } = chain.poolExecution(block).validate(extrinsic);
    const { extrinsic: decoded } = parsed;
    const tag = (own: bigint): Uint8Array =>
      decoded.kind === 'signed' ? concat(decoded.signer, littleEndian(own, 4)) : new Uint8Array(0);
    const requires = nonce !== null && nonce.own > BigInt(nonce.expected) ? [tag(nonce.own - 1n)] : [];
    const provides = nonce === null ? [extrinsic.slice(-64)] : [tag(nonce.own)];
    return write((writer) =>
      writer
        .u8(0)
        .u64(nonce === null ? 0xffff_ffff_ffff_ffffn : 0n)
        .vec(requires, (item, bytes) => item.byteVector(bytes))
        .vec(provides, (item, bytes) => item.byteVector(bytes))
        .u64(nonce === null ? 2n : 64n)
        .bool(true),
    );
  } catch (error) {
    if (error instanceof InvalidTransaction) return concat(new Uint8Array([1]), error.encode());
    throw error;
  }
}

/**
 * Calls a runtime API on the state after a block. Null when the runtime does not export it.
 *
 * @throws DecodeError for parameters that do not decode.
 */
export function callRuntime(
  chain: Chain,
  metadata: Metadata,
  block: Block,
  name: string,
  input: Uint8Array,
): Uint8Array | null {
  const api = Object.hasOwn(apis, name) ? apis[name] : undefined;
  return api === undefined ? null : api({ chain, metadata, block, state: chain.stateOf(block.hash), input });
}
