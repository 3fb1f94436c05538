/** A verified chain as a script has it: blocks with accounts, events and bodies, and branches that replace them. */
import type { Provenance } from '../../src/chain/runtime.ts';
import type { BlockReader, ChainBlock } from '../../src/chain/verified-blocks.ts';
import { NoProof } from '../../src/chain/no-proof.ts';
import { RpcError } from '../../src/network/rpc-error.ts';
import { littleEndian, toHex } from '../../src/protocol/bytes.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import type { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import type { Query } from '../../src/chain/state/reader.ts';

export interface ScriptedEvent {
  extrinsic: number | null;
  pallet: string;
  name: string;
  fields: Record<string, unknown>;
}

interface ScriptedBlock extends ChainBlock {
  accounts: Map<string, { nonce: number; free: bigint }>;
  events: readonly ScriptedEvent[];
  body: readonly Uint8Array[];
}

export interface BlockScript {
  /** By account, hex; null removes one. Accounts that are left out stay as they are. */
  accounts?: Record<string, { nonce: number; free: bigint } | null>;
  events?: readonly ScriptedEvent[];
  body?: readonly Uint8Array[];
}

/** Reads are answered as a prover that tells the truth would; `unprovenBelow` stands for states that nodes dropped. */
export class ScriptedBlocks implements BlockReader {
  private chain: ScriptedBlock[] = [];
  private made = 0;
  final = 0;
  unprovenBelow = 0;
  /** What stands behind the metadata. */
  behind: Provenance = { kind: 'told', by: ['script'], disputedBy: [] };
  /** What the state holds under other keys, by their hex. */
  readonly values = new Map<string, Uint8Array | null>();
  /** Set: nobody can be asked. */
  offline = false;
  reads = 0;

  constructor(private readonly described: RuntimeMetadata) {
    this.add({});
  }

  /** Adds a block to the best chain. */
  add(script: BlockScript): this {
    const parent = this.chain.at(-1);
    const accounts = new Map(parent?.accounts);
    for (const [name, account] of Object.entries(script.accounts ?? {})) {
      if (account === null) accounts.delete(name);
      else accounts.set(name, account);
    }
    const hash = blake2b256(littleEndian((this.made += 1), 4));
    const number = this.chain.length;
    const zero = new Uint8Array(32);
    const header = {
      parentHash: parent?.hash ?? zero,
      number,
      stateRoot: hash,
      extrinsicsRoot: hash,
      digest: [],
    };
    const { events = [], body = [] } = script;
    this.chain.push({ header, number, hash, accounts, events, body });
    return this;
  }

  /** Another branch takes over after block `number`. */
  leaveAfter(number: number): this {
    this.chain.length = number + 1;
    return this;
  }

  async ready(): Promise<{ head: ChainBlock; metadata: RuntimeMetadata }> {
    return { head: this.head(), metadata: this.described };
  }

  head(): ChainBlock {
    return this.chain.at(-1)!;
  }

  finalNumber(): number {
    return this.final;
  }

  metadata(): RuntimeMetadata {
    return this.described;
  }

  async metadataOf(): Promise<RuntimeMetadata> {
    return this.described;
  }

  provenance(): Provenance {
    return this.behind;
  }

  private found(number: number): ScriptedBlock {
    if (this.offline) throw new NoProof(null);
    const block = this.chain[number];
    if (block === undefined) throw new Error(`no block ${number}`);
    return block;
  }

  async block(number: number): Promise<ChainBlock> {
    return this.found(number);
  }

  async read<T>(query: Query<T>, at: ChainBlock): Promise<T> {
    this.reads += 1;
    const block = this.found(at.number);
    if (toHex(block.hash) !== toHex(at.hash)) throw new Error('the block was left');
    if (at.number < this.unprovenBelow)
      throw new NoProof(new RpcError(4003, 'state_getReadProof', 'State already discarded'));
    return query.decode(query.keys.map((key) => this.value(block, key)));
  }

  private value(block: ScriptedBlock, key: Uint8Array): Uint8Array | null {
    const other = this.values.get(toHex(key));
    if (other !== undefined) return other;
    const account = this.described.storage('System', 'Account');
    const events = this.described.storage('System', 'Events');
    if (toHex(key) === toHex(events.key())) return events.encode(block.events.map(recordOf));
    if (toHex(key) === toHex(this.described.storage('Timestamp', 'Now').key()))
      return littleEndian(BigInt(block.number) * 6_000n, 8);
    if (toHex(key.subarray(0, 32)) !== toHex(account.prefix)) throw new Error('not scripted');
    const found = block.accounts.get(toHex(key.subarray(-32)));
    if (found === undefined) return null;
    const data = { free: found.free, reserved: 0n, frozen: 0n, flags: 0n };
    return account.encode({ nonce: found.nonce, consumers: 0, providers: 1, sufficients: 0, data });
  }

  list(): Promise<never> {
    return Promise.reject(new Error('not scripted'));
  }

  async body(block: ChainBlock): Promise<Uint8Array[]> {
    return [...this.found(block.number).body];
  }
}

function recordOf({ extrinsic, pallet, name, fields }: ScriptedEvent): unknown {
  return {
    phase:
      extrinsic === null
        ? { type: 'Finalization', value: null }
        : { type: 'ApplyExtrinsic', value: extrinsic },
    event: { type: pallet, value: { type: name, value: fields } },
    topics: [],
  };
}

const dispatchInfo = {
  weight: { ref_time: 0n, proof_size: 0n },
  class: { type: 'Normal', value: null },
  pays_fee: { type: 'Yes', value: null },
};

/** `System.ExtrinsicSuccess`. */
export const succeeded = (extrinsic: number): ScriptedEvent => ({
  extrinsic,
  pallet: 'System',
  name: 'ExtrinsicSuccess',
  fields: { dispatch_info: dispatchInfo },
});

/** `System.ExtrinsicFailed` of an error of Domains' stakes. */
export const stakingFailed = (extrinsic: number, error: string): ScriptedEvent => ({
  extrinsic,
  pallet: 'System',
  name: 'ExtrinsicFailed',
  fields: {
    dispatch_error: {
      type: 'Module',
      value: { type: 'Domains', value: { type: 'Staking', value: { type: error, value: null } } },
    },
    dispatch_info: dispatchInfo,
  },
});
