/** Execution receipts and bundles of domains: how a domain's blocks get into the consensus chain. */
import { concat } from '../../src/protocol/bytes.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import { ScaleWriter, type ScaleReader } from '../../src/protocol/scale.ts';

/** A bundle of a consensus block, as the domain's block that it became part of judges it. */
export interface InboxedBundle {
  /** Null: valid; otherwise the index of the transaction that may not be part of a block. */
  illegalTransaction: number | null;
  /** Hash of the bundle's extrinsics as executed (32 bytes); only for a valid one. */
  digest: Uint8Array;
  /** 32 bytes. */
  extrinsicsRoot: Uint8Array;
}

/** Fees of a domain block, in the smallest unit. */
export interface BlockFees {
  storage: bigint;
  execution: bigint;
  burned: bigint;
}

const NO_FEES: BlockFees = { storage: 0n, execution: 0n, burned: 0n };

/** `ExecutionReceiptV0`: what a domain's block comes to. Hashes are 32 bytes. */
export interface Receipt {
  domainBlock: number;
  domainBlockHash: Uint8Array;
  extrinsicsRoot: Uint8Array;
  parentReceiptHash: Uint8Array;
  consensusBlock: number;
  consensusBlockHash: Uint8Array;
  bundles: InboxedBundle[];
  finalStateRoot: Uint8Array;
  /** State roots after the initialisation, after every extrinsic, and at the end. */
  trace: Uint8Array[];
  traceRoot: Uint8Array;
  fees: BlockFees;
  /** What came from the consensus chain, in the smallest unit. */
  transferredIn: bigint;
}

const ZERO = new Uint8Array(32);
const VERSION = 0;
const CONSENSUS = 0;
const ILLEGAL_TRANSACTION = 2;
const MAX_BUNDLES = 256;
const MAX_TRACE = 16_384;
const MAX_EXTRINSICS = 8192;

export function writeReceipt(writer: ScaleWriter, receipt: Receipt): void {
  writer
    .u8(VERSION)
    .u32(receipt.domainBlock)
    .raw(receipt.domainBlockHash, 32)
    .raw(receipt.extrinsicsRoot, 32)
    .raw(receipt.parentReceiptHash, 32)
    .u32(receipt.consensusBlock)
    .raw(receipt.consensusBlockHash, 32)
    .vec(receipt.bundles, (item, { illegalTransaction, digest, extrinsicsRoot }) => {
      if (illegalTransaction === null) item.u8(1).raw(digest, 32);
      else item.u8(0).u8(ILLEGAL_TRANSACTION).u32(illegalTransaction);
      item.raw(extrinsicsRoot, 32);
    })
    .raw(receipt.finalStateRoot, 32)
    .vec(receipt.trace, (item, root) => item.raw(root, 32))
    .raw(receipt.traceRoot, 32);
  const { storage, execution, burned } = receipt.fees;
  // No rewards of other chains; of the four lists of transfers only what came in is ever filled.
  writer.u128(storage).u128(execution).u128(burned).compact(0);
  const incoming = receipt.transferredIn === 0n ? [] : [receipt.transferredIn];
  writer
    .vec(incoming, (item, amount) => item.u8(CONSENSUS).u128(amount))
    .compact(0)
    .compact(0)
    .compact(0);
}

function readBundle(reader: ScaleReader): InboxedBundle {
  const valid = reader.bool();
  if (valid) return { illegalTransaction: null, digest: reader.raw(32), extrinsicsRoot: reader.raw(32) };
  const kind = reader.u8();
  if (kind !== ILLEGAL_TRANSACTION) reader.fail(`bundles are not invalid for reason ${kind} here`);
  return { illegalTransaction: reader.u32(), digest: ZERO, extrinsicsRoot: reader.raw(32) };
}

function readTransfers(reader: ScaleReader): bigint {
  const incoming = reader.vec(
    (item) => {
      if (item.u8() !== CONSENSUS) item.fail('transfers come from the consensus chain only');
      return item.u128();
    },
    17,
    1,
  );
  for (let list = 0; list < 3; list += 1) if (reader.compact() !== 0) reader.fail('nothing leaves a domain');
  return incoming[0] ?? 0n;
}

/** Reads a receipt. Throws DecodeError. */
export function readReceipt(reader: ScaleReader): Receipt {
  if (reader.u8() !== VERSION) reader.fail('unknown version of execution receipts');
  const receipt = {
    domainBlock: reader.u32(),
    domainBlockHash: reader.raw(32),
    extrinsicsRoot: reader.raw(32),
    parentReceiptHash: reader.raw(32),
    consensusBlock: reader.u32(),
    consensusBlockHash: reader.raw(32),
    bundles: reader.vec(readBundle, 37, MAX_BUNDLES),
    finalStateRoot: reader.raw(32),
    trace: reader.vec((item) => item.raw(32), 32, MAX_TRACE),
    traceRoot: reader.raw(32),
    fees: { storage: reader.u128(), execution: reader.u128(), burned: reader.u128() },
  };
  if (reader.compact() !== 0) reader.fail('domains reward no other chains');
  return { ...receipt, transferredIn: readTransfers(reader) };
}

export function encodeReceipt(receipt: Receipt): Uint8Array {
  const writer = new ScaleWriter(512);
  writeReceipt(writer, receipt);
  return writer.bytes();
}

/** Hash that names a receipt: BLAKE2b-256 of its SCALE. */
export function receiptHash(receipt: Receipt): Uint8Array {
  return blake2b256(encodeReceipt(receipt));
}

/** Receipt of a domain's genesis block (both hashes and the root 32 bytes). */
export function genesisReceipt(hash: Uint8Array, extrinsicsRoot: Uint8Array, stateRoot: Uint8Array): Receipt {
  return {
    domainBlock: 0,
    domainBlockHash: hash,
    extrinsicsRoot,
    parentReceiptHash: ZERO,
    consensusBlock: 0,
    consensusBlockHash: ZERO,
    bundles: [],
    finalStateRoot: stateRoot,
    trace: [stateRoot],
    traceRoot: ZERO,
    fees: NO_FEES,
    transferredIn: 0n,
  };
}

/** Merkle root over the state roots of a block: pairs hashed by BLAKE2b-256, a lone node carried up as it is. */
export function traceRootOf(trace: readonly Uint8Array[]): Uint8Array {
  let level = [...trace];
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const right = level[at + 1];
      above.push(right === undefined ? level[at]! : blake2b256(concat(level[at]!, right)));
    }
    level = above;
  }
  return level[0] ?? ZERO;
}

/** `BundleHeaderV0`: who may bundle, the receipt that comes along, and what is bundled. */
export interface BundleHeader {
  domainId: number;
  slot: bigint;
  /** 16 bytes. */
  proofOfTime: Uint8Array;
  /** Output (32 bytes) and proof (64 bytes) of the election. */
  vrf: Uint8Array;
  operatorId: bigint;
  receipt: Receipt;
  /** 32 bytes. */
  extrinsicsRoot: Uint8Array;
}

export interface Bundle {
  header: BundleHeader;
  /** 64 bytes, sr25519 over the header's hash. */
  signature: Uint8Array;
  /** Extrinsics of the domain with their length prefixes. */
  extrinsics: Uint8Array[];
}

function writeBundleHeader(writer: ScaleWriter, header: BundleHeader): void {
  writer
    .u32(header.domainId)
    .u64(header.slot)
    .raw(header.proofOfTime, 16)
    .raw(header.vrf, 96)
    .u64(header.operatorId);
  writeReceipt(writer, header.receipt);
  // The estimated weight.
  writer.compact(0).compact(0).raw(header.extrinsicsRoot, 32);
}

/** Hash that the operator signs: BLAKE2b-256 of the header. */
export function bundleHeaderHash(header: BundleHeader): Uint8Array {
  const writer = new ScaleWriter(1024);
  writeBundleHeader(writer, header);
  return blake2b256(writer.bytes());
}

/** Appends a bundle; an extrinsic is its own byte vector. */
export function writeBundle(writer: ScaleWriter, { header, signature, extrinsics }: Bundle): void {
  writer.u8(VERSION);
  writeBundleHeader(writer, header);
  writer.raw(signature, 64).vec(extrinsics, (item, extrinsic) => item.raw(extrinsic));
}

export function readBundleBody(reader: ScaleReader): Bundle {
  if (reader.u8() !== VERSION) reader.fail('unknown version of bundles');
  const elected = {
    domainId: reader.u32(),
    slot: reader.u64(),
    proofOfTime: reader.raw(16),
    vrf: reader.raw(96),
    operatorId: reader.u64(),
    receipt: readReceipt(reader),
  };
  if (reader.compact() !== 0 || reader.compact() !== 0) reader.fail('bundles here estimate no weight');
  const header = { ...elected, extrinsicsRoot: reader.raw(32) };
  const signature = reader.raw(64);
  const extrinsics = reader.vec(
    (item) => {
      const body = item.byteVector();
      return new ScaleWriter(body.length + 4).byteVector(body).bytes();
    },
    1,
    MAX_EXTRINSICS,
  );
  return { header, signature, extrinsics };
}

/** Hash that names a bundle whole. */
export function bundleHash(bundle: Bundle): Uint8Array {
  const writer = new ScaleWriter(2048);
  writeBundle(writer, bundle);
  return blake2b256(writer.bytes());
}
