/**
 * Types of storage items written as in the recordings, which took them from @polkadot/api: the outermost type
 * taken apart, what lies inside by its name.
 */
import type { RuntimeType, StorageEntry } from '../../src/protocol/metadata.ts';

type Field = Extract<RuntimeType['def'], { tag: 'composite' }>['value'][number];

/** Second parts of paths that names leave out. */
const LEFT_OUT = new Set(['generic', 'misc', 'pallet', 'traits', 'types']);
/** Paths whose last part is name enough. */
const KNOWN = /^(primitive_types|sp_arithmetic::per_things|fp_account|account|sp_core::crypto)::\w+$|::Era$/;
/** What contains other types and has no name of its own. */
const WRAPPERS = /^(Weak)?Bounded(Vec|BTreeMap|BTreeSet)$|^(BTreeMap|BTreeSet|Option|Result|Cow)$/;
/** Names of fields that mean something to JavaScript. */
const RESERVED = new Set(['entries', 'keys', 'new', 'size', 'hash', 'registry']);

function camel(text: string): string {
  return text.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function pascal(text: string): string {
  const joined = camel(text);
  return joined.slice(0, 1).toUpperCase() + joined.slice(1);
}

function nameOf({ path }: RuntimeType): string | null {
  if (path.length === 0 || WRAPPERS.test(path.at(-1) as string)) return null;
  const parts = path.map(pascal);
  return parts
    .filter((part, index) => !(index === 1 && LEFT_OUT.has(part.toLowerCase())))
    .filter((part, index, all) => part.toLowerCase() !== all[index + 1]?.toLowerCase())
    .join('');
}

/** Names of all types by id; types of one name are told apart by the parameter in which they differ. */
function namesOf(types: readonly RuntimeType[]): Map<number, string> {
  const named = types.flatMap((type) => ({ type, name: nameOf(type) })).filter(({ name }) => name !== null);
  const names = new Map<number, string>();
  named.forEach(({ type, name }, start) => {
    if (name === null || names.has(type.id)) return;
    const same = named.slice(start).filter((other) => other.name === name);
    const differing = type.params.findIndex((_, index) => {
      const seen = same.map((other) => other.type.params[index]?.type);
      return new Set(seen).size === seen.length;
    });
    if (same.length === 1 || differing < 0) {
      names.set(type.id, name);
      return;
    }
    const added = same.map((other) => {
      const param = types[other.type.params[differing]?.type as number];
      return param?.def.tag === 'primitive' ? param.def.value.tag : param?.path.at(-1);
    });
    if (added.some((part) => part === undefined)) return;
    same.forEach((other, index) => names.set(other.type.id, `${name}${added[index]}`));
  });
  return names;
}

class TypeTexts {
  private readonly names: Map<number, string>;

  constructor(private readonly types: readonly RuntimeType[]) {
    this.names = namesOf(types);
  }

  private type(id: number | undefined): RuntimeType {
    const type = id === undefined ? undefined : this.types[id];
    if (type === undefined) throw new Error(`no type ${id}`);
    return type;
  }

  /** What everybody knows by its name, or what is named after what it contains. */
  private known({ path, params }: RuntimeType): string | null {
    const param = (index: number) => this.inner(params[index]?.type);
    const last = path.at(-1) ?? '';
    if (KNOWN.test(path.join('::'))) return last;
    if (last === 'RuntimeCall') return 'Call';
    if (last === 'Cow') return param(0);
    if (last === 'Option' || last === 'BTreeSet') return `${last}<${param(0)}>`;
    if (last === 'Result' || last === 'BTreeMap') return `${last}<${param(0)}, ${param(1)}>`;
    return null;
  }

  /** A type inside another one. */
  private inner(id: number | undefined): string {
    const type = this.type(id);
    const known = this.known(type);
    if (known !== null) return known;
    const { def } = type;
    const only = def.tag === 'composite' && def.value.length === 1 ? def.value[0] : undefined;
    const wrapsPrimitive = only && !only.name && this.type(this.unwrapped(only.type)).def.tag === 'primitive';
    const name = this.names.get(type.id);
    return name === undefined || wrapsPrimitive ? this.apart(type) : name;
  }

  /** Through types that are but another name of one. */
  private unwrapped(id: number): number {
    const { def } = this.type(id);
    const only = def.tag === 'composite' && def.value.length === 1 ? def.value[0] : undefined;
    return only && !only.name ? this.unwrapped(only.type) : id;
  }

  private apart({ def }: RuntimeType): string {
    switch (def.tag) {
      case 'primitive':
        return def.value.tag === 'str' ? 'Text' : def.value.tag;
      case 'sequence':
        return this.inner(def.value) === 'u8' ? 'Bytes' : `Vec<${this.inner(def.value)}>`;
      case 'array':
        return `[${this.inner(def.value.type)};${def.value.len}]`;
      case 'tuple':
        return this.tuple(def.value);
      case 'compact':
        return `Compact<${this.inner(def.value)}>`;
      case 'bitSequence':
        return 'BitVec';
      case 'composite':
        return this.fields(def.value);
      case 'variant':
        return JSON.stringify({ _enum: this.variants(def.value) });
    }
  }

  private tuple(ids: number[]): string {
    return ids.length === 0 ? 'Null' : `(${ids.map((id) => this.inner(id)).join(',')})`;
  }

  private fields(fields: readonly Field[]): string {
    const [first] = fields;
    if (first === undefined) return 'Null';
    if (fields.every(({ name }) => name !== undefined)) return this.struct(fields);
    return fields.length === 1 ? this.outermost(first.type) : this.tuple(fields.map(({ type }) => type));
  }

  private struct(fields: readonly Field[]): string {
    const alias: Record<string, string> = {};
    const inner = fields.map(({ name, type }): [string, string] => {
      const plain = camel(name as string);
      if (!RESERVED.has(plain)) return [plain, this.inner(type)];
      alias[`${plain}_`] = plain;
      return [`${plain}_`, this.inner(type)];
    });
    const aliases = Object.keys(alias).length === 0 ? {} : { _alias: alias };
    return JSON.stringify({ ...aliases, ...Object.fromEntries(inner) });
  }

  private variants(variants: readonly { name: string; fields: readonly Field[] }[]): unknown {
    if (variants.every(({ fields }) => fields.length === 0)) return variants.map(({ name }) => name);
    return Object.fromEntries(
      variants.map(({ name, fields }) => {
        const only = fields.length === 1 && !fields[0]?.name ? fields[0] : undefined;
        return [name, only ? this.inner(only.type) : this.fields(fields)];
      }),
    );
  }

  outermost(id: number): string {
    const type = this.type(id);
    return this.known(type) ?? this.apart(type);
  }

  keys(ids: readonly number[]): string {
    return ids.length === 1 ? this.outermost(ids[0] as number) : this.tuple([...ids]);
  }
}

/** Writes an item's type: `value`, or `key -> value`. */
export function typeWriter(types: readonly RuntimeType[]): (entry: StorageEntry) => string {
  const texts = new TypeTexts(types);
  return ({ keyTypes, valueType }) => {
    const value = texts.outermost(valueType);
    return keyTypes.length === 0 ? value : `${texts.keys(keyTypes)} -> ${value}`;
  };
}
