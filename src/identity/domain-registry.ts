/**
 * The registry of a network that has an Auto ID domain, as a light client sees it: the domain is found in the
 * consensus state, its own state is proven against the receipt that the consensus chain confirmed, and calls are
 * signed here and sent to a node of the domain. What only that node says is marked as reported.
 */
import {
  confirmedReceiptQuery,
  domainIdsQuery,
  domainQuery,
  genesisReceiptQuery,
  type ConfirmedReceipt,
} from '../chain/state/domains.ts';
import { all } from '../chain/state/reader.ts';
import type { BlockReader, ChainBlock } from '../chain/verified-blocks.ts';
import type { NodeRpc } from '../network/node-rpc.ts';
import { equal, littleEndian, concat, toHex } from '../protocol/bytes.ts';
import { DecodeError, ProtocolError } from '../protocol/errors.ts';
import { extrinsicHash, mortalEra, eraBirth } from '../protocol/extrinsic.ts';
import { headerHash } from '../protocol/header.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { decodeAll } from '../protocol/scale.ts';
import { encodeAddress } from '../protocol/ss58.ts';
import { storageKey, storagePrefix } from '../protocol/storage-key.ts';
import { readProof } from '../protocol/trie-proof.ts';
import { Refusal } from '../wallet/errors.ts';
import type { AccountSigner } from '../wallet/service.ts';
import {
  autoIdKey,
  CALL_NAMES,
  CALL_SENTENCES,
  encodeCall,
  revocationsKey,
  type AutoIdCall,
  type AutoIdError,
} from './calls.ts';
import type { CallQuote, RegistryAccess, RegistryView, SubmittedCall } from './registry-access.ts';
import { signDomainExtrinsic } from './extrinsic.ts';
import { Registry } from './registry.ts';

const TIMESTAMP = storagePrefix('Timestamp', 'Now');
/** Blocks of the domain that a call may wait for one. */
const LIFETIME_BLOCKS = 64;
/** How far below the node's best block the era begins, so that a short fork does not end it. */
const ERA_DEPTH = 4;
const POLL_MS = 1_000;
const INCLUSION_TIMEOUT_MS = 5 * 60_000;
/** A wait for the consensus head, which another part of the node may still be verifying. */
const HEAD_TIMEOUT_MS = 3_000;
const HEAD_POLL_MS = 200;

export interface DomainRegistryOptions {
  /** The verified consensus chain; null while no node of it is connected. */
  consensus(): BlockReader | null;
  /** Nodes of the domain, the preferred one first; none if no node is known. */
  nodes(): readonly NodeRpc[];
  /** Account that pays for calls, by its address; the wallet's first one when left out. Throws Refusal. */
  signer(payer?: string): Promise<AccountSigner>;
  sleep?: (ms: number) => Promise<void>;
}

/** The consensus chain as far as it is verified. */
interface ConsensusHead {
  blocks: BlockReader;
  metadata: RuntimeMetadata;
  block: ChainBlock;
}

/** A domain that was found, with what its transactions name it by. */
interface FoundDomain {
  id: number;
  /** 32 bytes. */
  genesisHash: Uint8Array;
}

interface Content {
  registry: Registry;
  time: number;
}

function keysOf(ids: readonly Uint8Array[]): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  for (const id of ids) for (const key of [autoIdKey(id), revocationsKey(id)]) keys.set(toHex(key), key);
  return [TIMESTAMP, ...keys.values()];
}

function contentOf(keys: readonly Uint8Array[], values: readonly (Uint8Array | null)[]): Content {
  const [now = null, ...rest] = values;
  const time = now === null ? 0n : decodeAll(now, 'timestamp', (reader) => reader.u64());
  const stored: Record<string, string> = {};
  for (const [index, value] of rest.entries())
    if (value !== null) stored[toHex(keys[index + 1]!)] = toHex(value);
  return { registry: Registry.fromStorage(stored), time: Number(time) };
}

export class DomainRegistry implements RegistryAccess {
  private readonly sleep: (ms: number) => Promise<void>;
  /** What was found in the chain that this metadata describes. */
  private found: { metadata: RuntimeMetadata; domain: FoundDomain } | null = null;

  constructor(private readonly options: DomainRegistryOptions) {
    this.sleep = options.sleep ?? ((ms) => new Promise((done) => setTimeout(done, ms)));
  }

  /** Whether the network has a registry; null while its chain is not verified yet. Proven. */
  async exists(): Promise<boolean | null> {
    const head = await this.head();
    return head === null ? null : (await this.domain(head)) !== null;
  }

  async read(ids: readonly Uint8Array[]): Promise<RegistryView | null> {
    const head = await this.head();
    const domain = head && (await this.domain(head));
    if (head === null || domain === null) return null;
    const receipt = await this.confirmed(head, domain);
    const keys = keysOf(ids);
    const values = await this.asked(async (node) => {
      const { proof } = await node.readProof(keys, receipt.domainBlockHash);
      return readProof(receipt.stateRoot, proof, keys);
    });
    const { registry, time } = contentOf(keys, values);
    const consensusBlock = head.block.number;
    const genesis = toHex(domain.genesisHash);
    return { registry, genesis, time, block: receipt.domainBlock, consensusBlock, proven: true };
  }

  async report(ids: readonly Uint8Array[]): Promise<RegistryView | null> {
    const head = await this.head();
    const domain = head && (await this.domain(head));
    if (domain === null) return null;
    const genesis = toHex(domain.genesisHash);
    return this.asked(async (node) => ({ ...(await this.contentAt(node, ids)), genesis }));
  }

  /** Content as of a block by the node's own word, its best one if none is named. */
  private async contentAt(
    node: NodeRpc,
    ids: readonly Uint8Array[],
    at?: Uint8Array,
  ): Promise<Omit<RegistryView, 'genesis'>> {
    const header = await node.header(at);
    if (header === null) throw new DecodeError('header', 'the domain’s node has no such block');
    const keys = keysOf(ids);
    const { proof } = await node.readProof(keys, headerHash(header));
    const { registry, time } = contentOf(keys, readProof(header.stateRoot, proof, keys));
    return { registry, time, block: header.number, consensusBlock: null, proven: false };
  }

  async quote(call: AutoIdCall, payer?: string): Promise<CallQuote> {
    const signer = await this.options.signer(payer);
    const head = await this.head();
    const domain = (head && (await this.domain(head))) ?? noRegistry();
    const extrinsic = await this.extrinsic(call, { ...signer, sign: () => new Uint8Array(64) });
    return this.asked(async (node) => {
      const header = await node.header();
      if (header === null) throw new DecodeError('header', 'the domain’s node has no best block');
      const at = headerHash(header);
      const input = concat(extrinsic, littleEndian(extrinsic.length, 4));
      const info = await node.stateCall('TransactionPaymentApi_query_info', input, at);
      const fee = decodeAll(info, 'dispatch-info', (reader) => {
        reader.compactBig();
        reader.compactBig();
        reader.u8();
        return reader.u128();
      });
      const account = storageKey('System', 'Account', {
        hasher: 'Blake2128Concat',
        encoded: signer.publicKey,
      });
      const stored = await node.storage(account, at);
      const balance =
        stored === null
          ? 0n
          : decodeAll(stored, 'account', (reader) => {
              reader.raw(16);
              const free = reader.u128();
              reader.raw(48);
              return free;
            });
      return {
        domain: domain.id,
        call: CALL_NAMES[call.kind],
        account: encodeAddress(signer.publicKey),
        fee: String(fee),
        balance: String(balance),
        bytes: extrinsic.length,
      };
    });
  }

  async submit(call: AutoIdCall, ids: readonly Uint8Array[], payer?: string): Promise<SubmittedCall> {
    const extrinsic = await this.extrinsic(call, await this.options.signer(payer));
    const hash = extrinsicHash(extrinsic);
    return this.asked(async (node) => {
      const from = (await node.header())?.number ?? 0;
      await node.submitExtrinsic(extrinsic);
      const block = await this.inclusion(node, extrinsic, from + 1);
      await this.requireEffect(node, call, ids, block);
      return { extrinsic: toHex(hash), block: block.number };
    });
  }

  private async extrinsic(call: AutoIdCall, signer: AccountSigner): Promise<Uint8Array> {
    const head = await this.head();
    const domain = head && (await this.domain(head));
    if (domain === null) return noRegistry();
    const { genesisHash } = domain;
    return this.asked(async (node) => {
      const best = await node.header();
      const first = Math.max(0, (best?.number ?? 0) - ERA_DEPTH);
      const era = mortalEra(LIFETIME_BLOCKS, first);
      const eraBirthHash = await node.blockHash(eraBirth(era, first));
      if (eraBirthHash === null) throw new DecodeError('header', 'the domain’s node lacks a block');
      const { specVersion, transactionVersion } = await node.runtimeVersion();
      const nonce = BigInt(await node.accountNextIndex(encodeAddress(signer.publicKey)));
      return signDomainExtrinsic(
        { ...signer, scheme: 'sr25519', sign: (message) => signer.sign(message) },
        encodeCall(call),
        { era, nonce, tip: 0n },
        { specVersion, transactionVersion, genesisHash, eraBirthHash },
      );
    });
  }

  /** Waits for the block that holds an extrinsic. Throws Refusal `not-included`. */
  private async inclusion(
    node: NodeRpc,
    extrinsic: Uint8Array,
    from: number,
  ): Promise<{ number: number; hash: Uint8Array; parent: Uint8Array }> {
    let next = from;
    for (let waited = 0; waited < INCLUSION_TIMEOUT_MS; waited += POLL_MS) {
      const hash = await node.blockHash(next);
      const block = hash && (await node.block(hash));
      if (hash === null || block === null) {
        await this.sleep(POLL_MS);
        continue;
      }
      if (block.extrinsics.some((one) => equal(one, extrinsic)))
        return { number: next, hash, parent: block.header.parentHash };
      next += 1;
    }
    throw new Refusal(
      'not-included',
      'no block of the domain took the call in',
      'The registry’s network has not taken this in yet. Look again in a while before you try once more.',
    );
  }

  /** Throws Refusal `registry-refused` for a call that is in a block but that the registry refused there. */
  private async requireEffect(
    node: NodeRpc,
    call: AutoIdCall,
    ids: readonly Uint8Array[],
    block: { hash: Uint8Array; parent: Uint8Array },
  ): Promise<void> {
    const before = await this.contentAt(node, ids, block.parent);
    const { time } = await this.contentAt(node, ids, block.hash);
    const outcome = before.registry.predict(call, time);
    if (!outcome.ok) throw callRefused(outcome.error);
  }

  /** The verified head, waited for a little while it is being verified. */
  private async head(): Promise<ConsensusHead | null> {
    for (let waited = 0; ; waited += HEAD_POLL_MS) {
      const blocks = this.options.consensus();
      if (blocks === null) return null;
      const block = blocks.head();
      const metadata = blocks.metadata();
      if (block !== null && metadata !== null) return { blocks, metadata, block };
      if (waited >= HEAD_TIMEOUT_MS) return null;
      await this.sleep(HEAD_POLL_MS);
    }
  }

  /** The first domain whose runtime is AutoId, or null: the consensus state proves which there are. */
  private async domain({ blocks, metadata, block }: ConsensusHead): Promise<FoundDomain | null> {
    if (this.found?.metadata === metadata) return this.found.domain;
    if (!metadata.hasStorage('Domains', 'DomainRegistry')) return null;
    const ids = await blocks.read(domainIdsQuery(metadata), block);
    const domains = await blocks.read(all(ids.map((id) => domainQuery(metadata, id))), block);
    const autoId = domains.find((domain) => domain?.kind === 'AutoId');
    if (autoId == null) return null;
    const genesis = await blocks.read(genesisReceiptQuery(metadata, autoId.id), block);
    if (genesis === null) return null;
    const domain = { id: autoId.id, genesisHash: genesis.domainBlockHash };
    this.found = { metadata, domain };
    return domain;
  }

  private async confirmed(
    { blocks, metadata, block }: ConsensusHead,
    { id }: FoundDomain,
  ): Promise<ConfirmedReceipt> {
    const receipt = await blocks.read(confirmedReceiptQuery(metadata, id), block);
    if (receipt === null) {
      throw new ProtocolError({
        code: 'no-receipt',
        rule: 'domain-receipt',
        message: `domain ${id} has no confirmed receipt`,
        sentence: 'The registry’s network has confirmed nothing yet.',
      });
    }
    return receipt;
  }

  /** Asks the nodes of the domain one after the other. Throws what the last one fails with. */
  private async asked<T>(question: (node: NodeRpc) => Promise<T>): Promise<T> {
    let failure: unknown = new Refusal(
      'no-domain-node',
      'no node of the domain is known',
      'This network has a registry of identities, but no node of it is known here. Name one in Settings.',
    );
    for (const node of this.options.nodes()) {
      try {
        return await question(node);
      } catch (error) {
        if (error instanceof Refusal) throw error;
        failure = error;
      }
    }
    throw failure;
  }
}

function noRegistry(): never {
  throw new Refusal(
    'no-registry',
    'the network has no Auto ID domain',
    'This network has no registry of identities: yours works without, but nobody can look it up.',
  );
}

/** The refusal of a call by a rule of the registry. */
function callRefused(error: AutoIdError): Refusal {
  return new Refusal('registry-refused', error, CALL_SENTENCES[error]);
}
