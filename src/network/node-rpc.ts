/**
 * The calls of a Substrate node that a client of the chain needs, typed. What a node answers is decoded with
 * bounds and believed by nobody: DecodeError for what is malformed, RpcError for what is refused.
 */
import { toPrefixedHex } from '../protocol/bytes.ts';
import { fromRpcProvenHeader, fromRpcSignedBlock, type SignedBlock } from '../protocol/block.ts';
import { DecodeError } from '../protocol/errors.ts';
import { fromRpcHeader } from '../protocol/header.ts';
import { jsonArray, jsonHex, jsonObject, jsonU32 } from '../protocol/json.ts';
import type { Header } from '../protocol/types.ts';
import type { CallOptions, RpcCaller, Subscription, SubscriptionNews } from './rpc.ts';

const MAX_PROOF_NODES = 100_000;
const MAX_PEERS = 10_000;
const MAX_KEYS = 1_000;

/** `system_properties`; a node may send more. */
export interface SystemProperties {
  ss58Format: number | null;
  tokenSymbol: string | null;
  tokenDecimals: number | null;
  /** Text that goes into the seed of slot 1 as it is; null: the empty text. */
  potExternalEntropy: string | null;
  dsnBootstrapNodes: string[];
}

export interface SystemHealth {
  peers: number;
  isSyncing: boolean;
  shouldHavePeers: boolean;
}

export interface RuntimeVersion {
  specName: string;
  specVersion: number;
  transactionVersion: number;
  /** Trie format of the state, 0 or 1. */
  stateVersion: number;
}

/** Trie nodes, in any order, that prove what some keys hold at `at`. */
export interface ReadProof {
  /** 32 bytes: block hash. */
  at: Uint8Array;
  proof: Uint8Array[];
}

/** Proof of leaves of the Merkle mountain range; both byte strings are SCALE. */
export interface MmrProof {
  /** 32 bytes. */
  blockHash: Uint8Array;
  leaves: Uint8Array;
  proof: Uint8Array;
}

export class NodeRpc {
  constructor(readonly rpc: RpcCaller) {}

  // chain

  /** Hash of the source's best-chain block of that number, of its best block if none is given. */
  async blockHash(number?: number, options?: CallOptions): Promise<Uint8Array | null> {
    const result = await this.rpc.call('chain_getBlockHash', number === undefined ? [] : [number], options);
    return result === null ? null : jsonHex('block-hash', result, 32);
  }

  /** Header of a block (32-byte hash), of the best one if none is given. */
  async header(hash?: Uint8Array, options?: CallOptions): Promise<Header | null> {
    const result = await this.rpc.call('chain_getHeader', optional(hash), options);
    return result === null ? null : fromRpcHeader(result);
  }

  /** Block with extrinsics and justifications. */
  async block(hash?: Uint8Array, options?: CallOptions): Promise<SignedBlock | null> {
    const result = await this.rpc.call('chain_getBlock', optional(hash), options);
    return result === null ? null : fromRpcSignedBlock(result);
  }

  /** Header and justifications of a block; what is in it is not looked at. */
  async provenHeader(
    hash: Uint8Array,
    options?: CallOptions,
  ): Promise<Pick<SignedBlock, 'header' | 'justifications'> | null> {
    const result = await this.rpc.call('chain_getBlock', optional(hash), options);
    return result === null ? null : fromRpcProvenHeader(result);
  }

  async finalizedHead(options?: CallOptions): Promise<Uint8Array> {
    return jsonHex('block-hash', await this.rpc.call('chain_getFinalizedHead', [], options), 32);
  }

  /** Every header that becomes best, or, with `all`, every header that the node imports. */
  onHeader(
    kind: 'new' | 'all' | 'finalized',
    listener: (header: Header) => void,
    malformed: (error: DecodeError) => void,
    news?: SubscriptionNews,
  ): Subscription {
    const name = { new: 'NewHeads', all: 'AllHeads', finalized: 'FinalizedHeads' }[kind];
    const methods: [string, string] = [`chain_subscribe${name}`, `chain_unsubscribe${name}`];
    return subscribeDecoded(this.rpc, methods, [], fromRpcHeader, listener, malformed, news);
  }

  // state

  /** Value under a storage key, null if there is none; unproven. */
  async storage(key: Uint8Array, at?: Uint8Array, options?: CallOptions): Promise<Uint8Array | null> {
    const params = [toPrefixedHex(key), ...optional(at)];
    const result = await this.rpc.call('state_getStorage', params, options);
    return result === null ? null : jsonHex('storage', result);
  }

  /** Trie nodes that prove what the keys hold, absence included. */
  async readProof(keys: readonly Uint8Array[], at?: Uint8Array, options?: CallOptions): Promise<ReadProof> {
    const params = [keys.map(toPrefixedHex), ...optional(at)];
    return readProofFromJson(await this.rpc.call('state_getReadProof', params, options));
  }

  /** Keys under a prefix after `start`, at most `count` (1000 at most); unproven. */
  async keysPaged(
    prefix: Uint8Array,
    count: number,
    start: Uint8Array | null,
    at?: Uint8Array,
    options?: CallOptions,
  ): Promise<Uint8Array[]> {
    const params = [toPrefixedHex(prefix), count, start && toPrefixedHex(start), ...optional(at)];
    const result = await this.rpc.call('state_getKeysPaged', params, options);
    return jsonArray('keys', result, MAX_KEYS).map((key) => jsonHex('keys', key));
  }

  /** Result of a runtime call, SCALE in and out; unproven. */
  async stateCall(
    method: string,
    data: Uint8Array = new Uint8Array(),
    at?: Uint8Array,
    options?: CallOptions,
  ): Promise<Uint8Array> {
    const params = [method, toPrefixedHex(data), ...optional(at)];
    return jsonHex('state-call', await this.rpc.call('state_call', params, options));
  }

  async runtimeVersion(at?: Uint8Array, options?: CallOptions): Promise<RuntimeVersion> {
    return runtimeVersionFromJson(await this.rpc.call('state_getRuntimeVersion', optional(at), options));
  }

  /** Runtime metadata, version 14, as SCALE with its magic. */
  async metadata(at?: Uint8Array, options?: CallOptions): Promise<Uint8Array> {
    return jsonHex('metadata', await this.rpc.call('state_getMetadata', optional(at), options));
  }

  // mmr

  async mmrRoot(at?: Uint8Array, options?: CallOptions): Promise<Uint8Array> {
    return jsonHex('mmr-root', await this.rpc.call('mmr_root', optional(at), options), 32);
  }

  /** Proof that these blocks are leaves of the range as of block `bestKnown`, from the state at `at`. */
  async mmrProof(
    blocks: readonly number[],
    bestKnown: number | null,
    at: Uint8Array | null,
    options?: CallOptions,
  ): Promise<MmrProof> {
    const params = [blocks, bestKnown, at && toPrefixedHex(at)];
    const what = 'mmr-proof';
    const fields = jsonObject(what, await this.rpc.call('mmr_generateProof', params, options));
    return {
      blockHash: jsonHex(what, fields['blockHash'], 32),
      leaves: jsonHex(what, fields['leaves']),
      proof: jsonHex(what, fields['proof']),
    };
  }

  // system

  /** Name of the chain for people. */
  async chainName(options?: CallOptions): Promise<string> {
    return text('system_chain', await this.rpc.call('system_chain', [], options));
  }

  async chainType(options?: CallOptions): Promise<unknown> {
    return this.rpc.call('system_chainType', [], options);
  }

  async nodeName(options?: CallOptions): Promise<string> {
    return text('system_name', await this.rpc.call('system_name', [], options));
  }

  async nodeVersion(options?: CallOptions): Promise<string> {
    return text('system_version', await this.rpc.call('system_version', [], options));
  }

  async properties(options?: CallOptions): Promise<SystemProperties> {
    return propertiesFromJson(await this.rpc.call('system_properties', [], options));
  }

  async health(options?: CallOptions): Promise<SystemHealth> {
    const what = 'system-health';
    const fields = jsonObject(what, await this.rpc.call('system_health', [], options));
    return {
      peers: jsonU32(what, fields['peers']),
      isSyncing: fields['isSyncing'] === true,
      shouldHavePeers: fields['shouldHavePeers'] === true,
    };
  }

  /** Numbers of the blocks where the node's synchronisation started, is and will end. */
  async syncState(options?: CallOptions): Promise<{ starting: number; current: number; highest: number }> {
    const what = 'sync-state';
    const fields = jsonObject(what, await this.rpc.call('system_syncState', [], options));
    return {
      starting: jsonU32(what, fields['startingBlock']),
      current: jsonU32(what, fields['currentBlock']),
      highest: jsonU32(what, fields['highestBlock']),
    };
  }

  async localPeerId(options?: CallOptions): Promise<string> {
    return text('system_localPeerId', await this.rpc.call('system_localPeerId', [], options));
  }

  async localListenAddresses(options?: CallOptions): Promise<string[]> {
    const what = 'system_localListenAddresses';
    return jsonArray(what, await this.rpc.call(what, [], options), MAX_PEERS).map((one) => text(what, one));
  }

  /** Next nonce of an account (SS58 address), transactions in the pool counted. */
  async accountNextIndex(address: string, options?: CallOptions): Promise<number> {
    return jsonU32('nonce', await this.rpc.call('system_accountNextIndex', [address], options));
  }

  /** Names of the calls that the node offers. */
  async methods(options?: CallOptions): Promise<string[]> {
    const fields = jsonObject('rpc-methods', await this.rpc.call('rpc_methods', [], options));
    return jsonArray('rpc-methods', fields['methods'], MAX_PEERS).map((one) => text('rpc-methods', one));
  }

  // author

  /** Hash of the transaction, once the node took it into its pool. */
  async submitExtrinsic(extrinsic: Uint8Array, options?: CallOptions): Promise<Uint8Array> {
    const result = await this.rpc.call('author_submitExtrinsic', [toPrefixedHex(extrinsic)], options);
    return jsonHex('extrinsic-hash', result, 32);
  }
}

/** Subscribes and decodes; what does not decode goes to `malformed`. */
export function subscribeDecoded<T>(
  rpc: RpcCaller,
  [method, unsubscribe]: [string, string],
  params: readonly unknown[] | undefined,
  decode: (json: unknown) => T,
  listener: (value: T) => void,
  malformed: (error: DecodeError) => void,
  news?: SubscriptionNews,
): Subscription {
  const receive = (result: unknown): void => {
    let value: T;
    try {
      value = decode(result);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      malformed(error);
      return;
    }
    listener(value);
  };
  return rpc.subscribe(method, unsubscribe, params, receive, news);
}

function optional(hash: Uint8Array | undefined): string[] {
  return hash === undefined ? [] : [toPrefixedHex(hash)];
}

function text(what: string, value: unknown): string {
  if (typeof value !== 'string') throw new DecodeError(what, `expected a text, got ${typeof value}`);
  return value;
}

/** Result of `state_getReadProof`. Throws DecodeError. */
export function readProofFromJson(json: unknown): ReadProof {
  const what = 'read-proof';
  const fields = jsonObject(what, json);
  return {
    at: jsonHex(what, fields['at'], 32),
    proof: jsonArray(what, fields['proof'], MAX_PROOF_NODES).map((node) => jsonHex(what, node)),
  };
}

/** Result of `state_getRuntimeVersion`. Throws DecodeError. */
export function runtimeVersionFromJson(json: unknown): RuntimeVersion {
  const what = 'runtime-version';
  const fields = jsonObject(what, json);
  // The field changed its name; both mean the trie format.
  const stateVersion = fields['stateVersion'] ?? fields['systemVersion'];
  return {
    specName: text(what, fields['specName']),
    specVersion: jsonU32(what, fields['specVersion']),
    transactionVersion: jsonU32(what, fields['transactionVersion']),
    stateVersion: stateVersion === undefined ? 0 : Math.min(1, jsonU32(what, stateVersion)),
  };
}

function nullable<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null || value === undefined ? null : read(value);
}

/** Networks with several tokens list them, the one that fees are paid in first. */
function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value;
}

/** Result of `system_properties`. Throws DecodeError. */
export function propertiesFromJson(json: unknown): SystemProperties {
  const what = 'system-properties';
  const fields = jsonObject(what, json);
  return {
    ss58Format: nullable(fields['ss58Format'], (value) => jsonU32(what, value)),
    tokenSymbol: nullable(first(fields['tokenSymbol']), (value) => text(what, value)),
    tokenDecimals: nullable(first(fields['tokenDecimals']), (value) => jsonU32(what, value)),
    potExternalEntropy: nullable(fields['potExternalEntropy'], (value) => text(what, value)),
    dsnBootstrapNodes:
      nullable(fields['dsnBootstrapNodes'], (value) =>
        jsonArray(what, value, MAX_PEERS).map((one) => text(what, one)),
      ) ?? [],
  };
}
