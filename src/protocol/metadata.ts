/** Runtime metadata, versions 14 to 16: what pallets, calls, storage items and constants a runtime has. */
import { getLookupFn, type MetadataLookup } from '@polkadot-api/metadata-builders';
import { metadata as metadataCodec, unifyMetadata } from '@polkadot-api/substrate-bindings';
import { compare, concat, equal, fromHex, utf8 } from './bytes.ts';
import { decodeWith, encodeWith, type Codec } from './codec.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import { RuntimeCodecs, type RuntimeVariant } from './metadata-codec.ts';
import { decodeAll, ScaleReader } from './scale.ts';
import { STORAGE_HASHERS, storageKey, storagePrefix, type StorageHasherName } from './storage-key.ts';

/** Larger metadata is refused; the network's has about half a megabyte. */
export const MAX_METADATA_BYTES = 8 * 2 ** 20;
const MAGIC = utf8('meta');

/** A type as the metadata describes it. */
export type RuntimeType = MetadataLookup['metadata']['lookup'][number];

type Pallet = MetadataLookup['metadata']['pallets'][number];
type StorageItem = NonNullable<Pallet['storage']>['items'][number];

/** What goes along with a transaction beside its call, in the order of the bytes. */
export interface TransactionExtension {
  name: string;
  /** Type of what the transaction carries. */
  type: number;
  /** Type of what the signature covers without travelling along. */
  implicit: number;
}

/** A call taken apart. */
export interface DecodedCall {
  pallet: string;
  call: string;
  /** By the runtime's names; null for a call without arguments. */
  args: Record<string, unknown> | null;
}

function lacks(what: string): never {
  throw new ProtocolError({
    code: 'not-in-runtime',
    rule: 'runtime-metadata',
    message: `the runtime has no ${what}`,
    sentence: 'The network’s runtime lacks something that this version of the app relies on.',
    values: { what },
  });
}

/** Runs the library's code over bytes that anybody may have made: whatever it throws means malformed bytes. */
function guarded<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw new DecodeError('metadata', error instanceof Error ? error.message : 'not metadata');
  }
}

/** One item of a pallet's storage: its keys, and what is under them. */
export class StorageEntry {
  /** Storage key of a plain item, and what the keys of a map begin with. 32 bytes. */
  readonly prefix: Uint8Array;
  /** How each map key is hashed; none for a plain item. */
  readonly hashers: readonly StorageHasherName[];
  /** Whether nothing under a key means nothing, and not the default value. */
  readonly optional: boolean;
  /** Ids of the types of the map keys. */
  readonly keyTypes: readonly number[];
  readonly valueType: number;
  private readonly fallback: Uint8Array;

  constructor(
    readonly pallet: string,
    readonly item: string,
    storage: StorageItem,
    private readonly storedUnder: string,
    types: MetadataLookup['metadata']['lookup'],
    private readonly codecs: RuntimeCodecs,
  ) {
    this.prefix = storagePrefix(storedUnder, item);
    this.optional = storage.modifier === 0;
    this.fallback = fromHex(storage.fallback);
    if (storage.type.tag === 'plain') {
      this.hashers = [];
      this.keyTypes = [];
      this.valueType = storage.type.value;
      return;
    }
    const { hashers, key, value } = storage.type.value;
    this.hashers = hashers.map(({ tag }) => tag);
    this.valueType = value;
    const keyType = types[key]?.def;
    if (hashers.length === 1) this.keyTypes = [key];
    else if (keyType?.tag === 'tuple' && keyType.value.length === hashers.length)
      this.keyTypes = keyType.value;
    else throw new DecodeError('metadata', `${pallet}.${item} has other keys than hashers`);
  }

  private codec(type: number): Codec<unknown> {
    return guarded(() => this.codecs.of(type));
  }

  private get what(): string {
    return `${this.pallet}.${this.item}`;
  }

  /** Storage key under the map keys given, one for each hasher. Throws RangeError for values of another type. */
  key(...keys: unknown[]): Uint8Array {
    if (keys.length !== this.hashers.length) {
      throw new RangeError(`${this.what} has ${this.hashers.length} keys, ${keys.length} were given`);
    }
    const parts = this.hashers.map((hasher, index) => ({
      hasher,
      encoded: encodeWith(this.codec(this.keyTypes[index] as number), keys[index]),
    }));
    return storageKey(this.storedUnder, this.item, ...parts);
  }

  /** What the keys of this item begin with under its first map keys. Throws RangeError for more keys than it has. */
  keyPrefix(...keys: unknown[]): Uint8Array {
    const parts = keys.map((key, index) => {
      const hasher = this.hashers[index];
      if (hasher === undefined) throw new RangeError(`${this.what} has fewer than ${keys.length} keys`);
      return STORAGE_HASHERS[hasher].hash(encodeWith(this.codec(this.keyTypes[index] as number), key));
    });
    return concat(this.prefix, ...parts);
  }

  /**
   * The map keys of a storage key, where the hashers keep them.
   *
   * @throws DecodeError if it is not a key of this item; ProtocolError if a hasher does not keep its key.
   */
  decodeKey(key: Uint8Array): unknown[] {
    return decodeAll(key, 'storage-key', (reader) => {
      if (!equal(reader.raw(Math.min(reader.remaining, 32)), this.prefix))
        reader.fail(`no key of ${this.what}`);
      return this.hashers.map((name, index) => {
        const hasher = STORAGE_HASHERS[name];
        if (hasher.keptAfter === null) return lacks(`keys that can be read back in ${this.what}`);
        const hash = reader.raw(hasher.keptAfter);
        const start = reader.position;
        const value = this.codec(this.keyTypes[index] as number).read(reader);
        const hashed = hasher.hash(key.subarray(start, reader.position));
        if (!equal(hashed.subarray(0, hasher.keptAfter), hash)) reader.fail('the hash of a map key is wrong');
        return value;
      });
    });
  }

  /**
   * What bytes under a key mean; null for nothing, which is the default value unless the item is optional.
   * Values have the shapes that `RuntimeCodecs` describes. Throws DecodeError.
   */
  decode(bytes: Uint8Array | null): unknown {
    if (bytes === null && this.optional) return null;
    return guarded(() => decodeWith(this.codec(this.valueType), bytes ?? this.fallback, this.what));
  }

  /** Bytes of a value. Throws RangeError or TypeError for one of another type. */
  encode(value: unknown): Uint8Array {
    return encodeWith(this.codec(this.valueType), value);
  }
}

/** The metadata of one runtime. What it does not have throws ProtocolError of the rule `runtime-metadata`. */
export class RuntimeMetadata {
  private readonly codecs: RuntimeCodecs;
  private readonly pallets = new Map<string, Pallet>();
  private readonly entries = new Map<string, StorageEntry>();

  private constructor(private readonly lookup: MetadataLookup) {
    this.codecs = new RuntimeCodecs(lookup);
    for (const pallet of lookup.metadata.pallets) this.pallets.set(pallet.name, pallet);
  }

  /**
   * Decodes metadata as `state_getMetadata` gives it (magic number first), or as the runtime API
   * `Metadata_metadata_at_version` does (an optional byte vector of that). Throws DecodeError.
   */
  static decode(bytes: Uint8Array): RuntimeMetadata {
    if (bytes.length > MAX_METADATA_BYTES) {
      throw new DecodeError('metadata', `${bytes.length} bytes where ${MAX_METADATA_BYTES} are allowed`);
    }
    const plain = compare(bytes.subarray(0, MAGIC.length), MAGIC) === 0 ? bytes : unwrapped(bytes);
    if (compare(plain.subarray(0, MAGIC.length), MAGIC) !== 0) {
      throw new DecodeError('metadata', 'does not begin with “meta”');
    }
    return guarded(() => {
      const decoded = metadataCodec.dec(plain);
      // The library does not look at bytes behind the value.
      if (!equal(metadataCodec.enc(decoded), plain)) throw new DecodeError('metadata', 'not in its one form');
      return new RuntimeMetadata(getLookupFn(unifyMetadata(decoded)));
    });
  }

  /** Version of the format: 14, 15 or 16. */
  get version(): number {
    return this.lookup.metadata.version;
  }

  /** Names of the pallets in the order of the metadata. */
  get palletNames(): string[] {
    return [...this.pallets.keys()];
  }

  /** All types, by their ids. */
  get types(): readonly RuntimeType[] {
    return this.lookup.metadata.lookup;
  }

  private pallet(name: string): Pallet {
    return this.pallets.get(name) ?? lacks(`pallet ${name}`);
  }

  /** Index of a pallet in calls, events and errors. Throws DecodeError for one that the runtime lacks. */
  palletIndex(pallet: string): number {
    return this.pallet(pallet).index;
  }

  /** Codec of a type. Throws DecodeError when the metadata does not describe it. */
  codec(type: number): Codec<unknown> {
    return guarded(() => this.codecs.of(type));
  }

  /** SCALE of a constant. */
  constantBytes(pallet: string, name: string): Uint8Array {
    return fromHex(this.constantOf(pallet, name).value);
  }

  /** Value of a constant, in the shapes that `RuntimeCodecs` describes. Throws DecodeError. */
  constant(pallet: string, name: string): unknown {
    const { type, value } = this.constantOf(pallet, name);
    return guarded(() => decodeWith(this.codec(type), fromHex(value), `${pallet}.${name}`));
  }

  /** SCALE of a value for a constant. Throws RangeError or TypeError for one of another type. */
  encodeConstant(pallet: string, name: string, value: unknown): Uint8Array {
    return encodeWith(this.codec(this.constantOf(pallet, name).type), value);
  }

  private constantOf(pallet: string, name: string): Pallet['constants'][number] {
    const found = this.pallet(pallet).constants.find((constant) => constant.name === name);
    return found ?? lacks(`constant ${pallet}.${name}`);
  }

  /** Names of a pallet’s constants. Throws DecodeError for a pallet that the runtime lacks. */
  constantNames(pallet: string): string[] {
    return this.pallet(pallet).constants.map(({ name }) => name);
  }

  /** Names of a pallet’s storage items. Throws DecodeError for a pallet that the runtime lacks. */
  storageNames(pallet: string): string[] {
    return this.pallet(pallet).storage?.items.map(({ name }) => name) ?? [];
  }

  /** A pallet's storage item. Throws DecodeError when the metadata contradicts itself about it. */
  storage(pallet: string, item: string): StorageEntry {
    const name = `${pallet}.${item}`;
    let entry = this.entries.get(name);
    if (entry === undefined) {
      const { storage } = this.pallet(pallet);
      const found = storage?.items.find((one) => one.name === item);
      if (storage === undefined || found === undefined) return lacks(`storage item ${name}`);
      const { codecs } = this;
      entry = guarded(
        () => new StorageEntry(pallet, item, found, storage.prefix, this.lookup.metadata.lookup, codecs),
      );
      this.entries.set(name, entry);
    }
    return entry;
  }

  /** Whether the runtime has that storage item. */
  hasStorage(pallet: string, item: string): boolean {
    return this.pallets.get(pallet)?.storage?.items.some(({ name }) => name === item) ?? false;
  }

  /** Calls of a pallet by name, with their indices. */
  calls(pallet: string): Map<string, number> {
    return new Map(this.variants(this.pallet(pallet).calls?.type).map(({ name, index }) => [name, index]));
  }

  private variants(type: number | undefined): { name: string; index: number }[] {
    const def = type === undefined ? undefined : this.types[type]?.def;
    return def?.tag === 'variant' ? def.value : [];
  }

  /** The two bytes that a call begins with. */
  callIndex(pallet: string, call: string): Uint8Array {
    const index = this.calls(pallet).get(call) ?? lacks(`call ${pallet}.${call}`);
    return new Uint8Array([this.palletIndex(pallet), index]);
  }

  /** SCALE of a call, the two bytes of its index first. Throws RangeError or TypeError for wrong arguments. */
  encodeCall(pallet: string, call: string, args: Record<string, unknown> | null): Uint8Array {
    this.callIndex(pallet, call);
    const { calls, index } = this.pallet(pallet);
    const codec = this.codec(calls?.type ?? lacks(`calls of ${pallet}`));
    return concat(new Uint8Array([index]), encodeWith(codec, { type: call, value: args }));
  }

  /** Takes a call apart. Throws DecodeError. */
  decodeCall(bytes: Uint8Array): DecodedCall {
    return guarded(() =>
      decodeAll(bytes, 'call', (reader) => {
        const index = reader.u8();
        const pallet = this.lookup.metadata.pallets.find((one) => one.index === index);
        if (pallet?.calls === undefined) return reader.fail(`no pallet with calls at index ${index}`);
        const { type, value } = this.codec(pallet.calls.type).read(reader) as RuntimeVariant;
        return { pallet: pallet.name, call: type, args: value as DecodedCall['args'] };
      }),
    );
  }

  /** Reads past a call, the two bytes of its index first; false if the runtime has none of that pallet. Throws DecodeError. */
  skipCall(reader: ScaleReader): boolean {
    const index = reader.u8();
    const type = this.lookup.metadata.pallets.find((pallet) => pallet.index === index)?.calls?.type;
    if (type === undefined) return false;
    guarded(() => this.codec(type).read(reader));
    return true;
  }

  /** Extensions of a transaction (format 4), in their order. */
  get extensions(): TransactionExtension[] {
    const [first] = Object.values(this.lookup.metadata.extrinsic.signedExtensions);
    return (first ?? []).map(({ identifier, type, additionalSigned }) => ({
      name: identifier,
      type,
      implicit: additionalSigned,
    }));
  }

  /** Whether a type takes no bytes. */
  isEmpty(type: number): boolean {
    return guarded(() => this.lookup(type).type === 'void');
  }
}

function unwrapped(bytes: Uint8Array): Uint8Array {
  const reader = new ScaleReader(bytes, 'metadata');
  const inner = reader.option((some) => some.byteVector(MAX_METADATA_BYTES));
  reader.finish();
  return inner ?? reader.fail('the runtime has no metadata of that version');
}
