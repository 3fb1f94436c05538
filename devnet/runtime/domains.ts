/**
 * The Domains pallet as far as a domain runs by it: bundles come in, their receipts extend the domain's block
 * tree, and a receipt that is deep enough is confirmed. Elections and fraud proofs are left out: the local network has
 * one operator, which runs in the node that executes every block.
 */
import { verifySignature } from '../../src/crypto/sr25519.ts';
import { equal, littleEndian, toHex } from '../../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { ScaleWriter, type ScaleReader } from '../../src/protocol/scale.ts';
import { storageKey, storagePrefix, type HashedPart } from '../../src/protocol/storage-key.ts';
import { orderedTrieRoot } from '../../src/protocol/trie.ts';
import {
  bundleHash,
  bundleHeaderHash,
  encodeReceipt,
  readReceipt,
  receiptHash,
  traceRootOf,
  writeReceipt,
  type Bundle,
  type Receipt,
} from '../domain/receipt.ts';
import { type BlockContext, InvalidTransaction, readValue } from './context.ts';
import { Staking } from './staking.ts';
import { STATE_VERSION } from './storage.ts';
import { settleDomain } from './transporter.ts';

export const DOMAINS = 12;
/**
 * Blocks of a domain after which a receipt is confirmed: the time for objections, a day's worth of them on the real
 * network.
 */
export const BLOCK_TREE_PRUNING_DEPTH = 1;

const u32 = (value: number): Uint8Array => littleEndian(value, 4);
const u64 = (value: bigint): Uint8Array => littleEndian(value, 8);
const at = (item: string, ...parts: Uint8Array[]): Uint8Array =>
  storageKey('Domains', item, ...parts.map((encoded): HashedPart => ({ hasher: 'Identity', encoded })));

/** Keys of the pallet's items. */
export const domainKeys = {
  id: u32,
  headReceipt: (domain: number) => at('HeadReceiptNumber', u32(domain)),
  headDomain: (domain: number) => at('HeadDomainNumber', u32(domain)),
  newHead: (domain: number) => at('NewAddedHeadReceipt', u32(domain)),
  successful: (domain: number) => at('SuccessfulBundles', u32(domain)),
  latestConfirmed: (domain: number) => at('LatestConfirmedDomainExecutionReceipt', u32(domain)),
  latestSubmitted: (domain: number, operator: bigint) => {
    const encoded = new ScaleWriter().u32(domain).u64(operator).bytes();
    return at('LatestSubmittedER', encoded);
  },
  blockTree: (domain: number, block: number) => at('BlockTree', u32(domain), u32(block)),
  node: (hash: Uint8Array) => at('BlockTreeNodes', hash),
  consensusHash: (domain: number, block: number) => at('ConsensusBlockHash', u32(domain), u32(block)),
  inbox: (domain: number, block: number, consensusBlock: number) =>
    at('ExecutionInbox', u32(domain), u32(block), u32(consensusBlock)),
  author: (header: Uint8Array) => at('InboxedBundleAuthor', header),
  operator: (id: bigint) => at('Operators', u64(id)),
  bundleSlot: (id: bigint) => at('OperatorBundleSlot', u64(id)),
  highestSlot: (id: bigint) => at('OperatorHighestSlot', u64(id)),
  nextDomain: storagePrefix('Domains', 'NextDomainId'),
  nextOperator: storagePrefix('Domains', 'NextOperatorId'),
  /** `BlockTreeNode`. */
  encodeNode: (receipt: Receipt, operators: readonly bigint[]): Uint8Array => {
    const writer = new ScaleWriter(512);
    writeReceipt(writer, receipt);
    return writer.vec(operators, (item, id) => item.u64(id)).bytes();
  },
};

type State = { get(key: Uint8Array): Uint8Array | null };

function numberAt(state: State, key: Uint8Array): number {
  return readValue(state, key, (reader) => reader.u32()) ?? 0;
}

function readNode(reader: ScaleReader): { receipt: Receipt; operators: bigint[] } {
  return { receipt: readReceipt(reader), operators: reader.vec((item) => item.u64(), 8) };
}

/** Numbers of a domain's newest block and of the newest one that has a receipt. */
export function domainHeads(state: State, domain: number): { block: number; receipt: number } {
  return {
    block: numberAt(state, domainKeys.headDomain(domain)),
    receipt: numberAt(state, domainKeys.headReceipt(domain)),
  };
}

/** Hash of the receipt of a domain's block in the block tree, or null. */
function receiptHashAt(state: State, domain: number, block: number): Uint8Array | null {
  return state.get(domainKeys.blockTree(domain, block));
}

/** A bundle's place in the block of the domain that it becomes part of. */
interface BundleDigest {
  headerHash: Uint8Array;
  extrinsicsRoot: Uint8Array;
  size: number;
}

const readDigests = (reader: ScaleReader): BundleDigest[] =>
  reader.vec((item) => ({ headerHash: item.raw(32), extrinsicsRoot: item.raw(32), size: item.u32() }), 68);

const readHashes = (reader: ScaleReader): Uint8Array[] => reader.vec((item) => item.raw(32), 32);

/** Hashes of the bundles that a block on this state took in. */
function successfulBundles(state: State, domain: number): Uint8Array[] {
  return readValue(state, domainKeys.successful(domain), readHashes) ?? [];
}

/** `on_initialize`: notes the parent's hash for the domains that had bundles in it. */
export function initialiseDomains(context: BlockContext): void {
  const domains = numberAt(context.storage, domainKeys.nextDomain);
  for (let domain = 0; domain < domains; domain += 1) {
    if (context.storage.get(domainKeys.successful(domain)) === null) continue;
    context.remove(domainKeys.successful(domain));
    context.storage.set(domainKeys.consensusHash(domain, context.number - 1), context.parentHash);
  }
  const operators = context.read(domainKeys.nextOperator, (reader) => reader.u64()) ?? 0n;
  for (let id = 0n; id < operators; id += 1n) {
    const slots = context.read(domainKeys.bundleSlot(id), (reader) => reader.vec((item) => item.u64(), 8));
    if (slots === null) continue;
    context.remove(domainKeys.bundleSlot(id));
    const highest = slots.at(-1);
    if (highest !== undefined) context.write(domainKeys.highestSlot(id), (writer) => writer.u64(highest));
  }
}

/** `on_finalize`. */
export function finaliseDomains(context: BlockContext): void {
  const domains = numberAt(context.storage, domainKeys.nextDomain);
  for (let domain = 0; domain < domains; domain += 1) context.remove(domainKeys.newHead(domain));
}

function refuse(): never {
  throw new InvalidTransaction('Custom', 1);
}

/** What a node checks of a bundle before it lets it into a block. Throws InvalidTransaction. */
export function checkBundle(context: BlockContext, bundle: Bundle): void {
  const { header, signature, extrinsics } = bundle;
  const { storage } = context;
  const operator = storage.get(domainKeys.operator(header.operatorId));
  if (operator === null) return refuse();
  const signingKey = operator.subarray(0, 32);
  const ofDomain = new DataView(operator.buffer, operator.byteOffset + 32, 4).getUint32(0, true);
  if (ofDomain !== header.domainId) refuse();
  const hash = bundleHeaderHash(header);
  if (!verifySignature(signingKey, EXTRINSIC_SIGNING_CONTEXT, hash, signature))
    throw new InvalidTransaction('BadProof');
  if (!equal(header.extrinsicsRoot, orderedTrieRoot(extrinsics, STATE_VERSION))) refuse();
  const highest = context.read(domainKeys.highestSlot(header.operatorId), (reader) => reader.u64()) ?? -1n;
  if (header.slot <= highest) refuse();
  if (!context.host.isProofOfTimeValid(header.slot, header.proofOfTime)) refuse();
  checkReceipt(context, header.domainId, header.receipt);
}

/** `verify_execution_receipt`. */
function checkReceipt({ storage }: BlockContext, domain: number, receipt: Receipt): void {
  const { domainBlock, consensusBlock } = receipt;
  const heads = domainHeads(storage, domain);
  if (domainBlock === heads.receipt) {
    // A confirmation of the newest receipt must name the very same one.
    const known = receiptHashAt(storage, domain, domainBlock);
    if (known === null || !equal(known, receiptHash(receipt))) refuse();
    return;
  }
  if (domainBlock !== heads.receipt + 1 || domainBlock > heads.block) refuse();
  const consensusHash = storage.get(domainKeys.consensusHash(domain, consensusBlock));
  if (consensusHash === null || !equal(consensusHash, receipt.consensusBlockHash)) refuse();
  const inbox = readValue(storage, domainKeys.inbox(domain, domainBlock, consensusBlock), readDigests) ?? [];
  const roots = receipt.bundles.map(({ extrinsicsRoot }) => toHex(extrinsicsRoot));
  const expected = inbox.map(({ extrinsicsRoot }) => toHex(extrinsicsRoot));
  if (roots.length === 0 || roots.join() !== expected.join()) refuse();
  if (!equal(traceRootOf(receipt.trace), receipt.traceRoot)) refuse();
  if (!equal(receipt.trace.at(-1)!, receipt.finalStateRoot)) refuse();
  const parent = receiptHashAt(storage, domain, domainBlock - 1);
  if (parent === null || !equal(parent, receipt.parentReceiptHash)) refuse();
}

/** `submit_bundle` of a bundle that was checked. */
export function submitBundle(context: BlockContext, bundle: Bundle): void {
  const { storage } = context;
  const { domainId, operatorId, slot, receipt, extrinsicsRoot } = bundle.header;
  takeReceipt(context, domainId, operatorId, receipt);
  const successful = successfulBundles(storage, domainId);
  if (successful.length === 0) {
    const next = domainHeads(storage, domainId).block + 1;
    new Staking(context).onDomainBlock(domainId, next);
    context.write(domainKeys.headDomain(domainId), (writer) => writer.u32(next));
  }
  const headerHash = bundleHeaderHash(bundle.header);
  const inbox = domainKeys.inbox(domainId, domainHeads(storage, domainId).block, context.number);
  const size = bundle.extrinsics.reduce((sum, { length }) => sum + length, 0);
  const digests = [...(readValue(storage, inbox, readDigests) ?? []), { headerHash, extrinsicsRoot, size }];
  context.write(inbox, (writer) =>
    writer.vec(digests, (item, one) => item.raw(one.headerHash).raw(one.extrinsicsRoot).u32(one.size)),
  );
  context.write(domainKeys.author(headerHash), (writer) => writer.u64(operatorId));
  const hash = bundleHash(bundle);
  context.write(domainKeys.successful(domainId), (writer) =>
    writer.vec([...successful, hash], (item, one) => item.raw(one)),
  );
  const slots = context.read(domainKeys.bundleSlot(operatorId), (reader) =>
    reader.vec((item) => item.u64(), 8),
  );
  context.write(domainKeys.bundleSlot(operatorId), (writer) =>
    writer.vec([...(slots ?? []), slot], (item, one) => item.u64(one)),
  );
  context.depositEvent(DOMAINS, 0, u32(domainId), hash, u64(operatorId));
}

/** `process_execution_receipt`: extends the block tree, confirms what is deep enough. */
function takeReceipt(context: BlockContext, domain: number, operator: bigint, receipt: Receipt): void {
  const { storage } = context;
  const hash = receiptHash(receipt);
  const { domainBlock } = receipt;
  if (domainBlock === domainHeads(storage, domain).receipt) {
    const node = context.read(domainKeys.node(hash), readNode)!;
    storage.set(domainKeys.node(hash), domainKeys.encodeNode(receipt, [...node.operators, operator]));
    return;
  }
  storage.set(domainKeys.blockTree(domain, domainBlock), hash);
  storage.set(domainKeys.node(hash), domainKeys.encodeNode(receipt, [operator]));
  context.write(domainKeys.headReceipt(domain), (writer) => writer.u32(domainBlock));
  storage.set(domainKeys.newHead(domain), hash);
  context.write(domainKeys.latestSubmitted(domain, operator), (writer) => writer.u32(domainBlock));
  const confirmed = domainBlock - BLOCK_TREE_PRUNING_DEPTH;
  if (confirmed >= 0) confirm(context, domain, confirmed);
}

function confirm(context: BlockContext, domain: number, block: number): void {
  const { storage } = context;
  const hash = receiptHashAt(storage, domain, block);
  if (hash === null) return;
  const { receipt } = context.read(domainKeys.node(hash), readNode)!;
  context.remove(domainKeys.blockTree(domain, block));
  context.remove(domainKeys.node(hash));
  const inbox = domainKeys.inbox(domain, block, receipt.consensusBlock);
  for (const { headerHash } of readValue(storage, inbox, readDigests) ?? [])
    context.remove(domainKeys.author(headerHash));
  context.remove(inbox);
  storage.set(domainKeys.latestConfirmed(domain), encodeReceipt(receipt));
  context.remove(domainKeys.consensusHash(domain, receipt.consensusBlock));
  const { storage: bytes, execution, burned } = receipt.fees;
  settleDomain(context, domain, receipt.transferredIn, bytes + execution + burned);
}
