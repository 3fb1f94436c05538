import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SignedBlock } from '../src/protocol/block.ts';
import { toHex } from '../src/protocol/bytes.ts';
import { headerHash } from '../src/protocol/header.ts';
import { Trie } from '../src/protocol/trie.ts';
import { BlockStore, type BlockEntry } from './block-store.ts';

let folder: string;
const log = () => join(folder, 'chain.log');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'allotment-blocks-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function block(number: number): { entry: BlockEntry; block: SignedBlock } {
  const header = {
    parentHash: new Uint8Array(32).fill(number - 1),
    number,
    stateRoot: new Uint8Array(32),
    extrinsicsRoot: new Uint8Array(32),
    digest: [],
  };
  const hash = toHex(headerHash(header));
  const entry = { hash, parent: toHex(header.parentHash), number, weight: BigInt(number) << 64n };
  return { entry, block: { header, extrinsics: [new Uint8Array([4, number])], justifications: null } };
}

const changes = [
  { key: new Uint8Array([1]), value: new Uint8Array([2, 3]) },
  { key: new Uint8Array([9]), value: null },
];

function filled(count: number): BlockEntry[] {
  const store = new BlockStore(folder);
  const entries = Array.from({ length: count }, (_, index) => block(index + 1)).map(
    ({ entry, block: made }) => {
      store.append(entry, { block: made, changes });
      return entry;
    },
  );
  store.close();
  return entries;
}

describe('BlockStore', () => {
  it('gives back blocks and their changes after it was opened again', () => {
    const entries = filled(3);
    const store = new BlockStore(folder);
    expect(store.entries()).toEqual(entries);
    expect(store.read(entries[1]!.hash)).toEqual({ block: block(2).block, changes });
    expect(store.read('00')).toBeNull();
    store.close();
  });

  it('drops a record that was not written to its end', () => {
    const entries = filled(3);
    for (const cut of [1, 40, 100]) {
      const whole = readFileSync(log());
      truncateSync(log(), statSync(log()).size - cut);
      const store = new BlockStore(folder);
      expect(store.entries()).toEqual(entries.slice(0, 2));
      store.append(entries[2]!, { block: block(3).block, changes });
      store.close();
      expect(readFileSync(log())).toEqual(whole);
    }
  });

  it('drops a last record whose bytes are wrong, and what follows it', () => {
    const entries = filled(2);
    const bytes = readFileSync(log());
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(log(), bytes);
    appendFileSync(log(), new Uint8Array(5));
    const store = new BlockStore(folder);
    expect(store.entries()).toEqual(entries.slice(0, 1));
    store.close();
  });

  it('keeps whole states', () => {
    const store = new BlockStore(folder);
    const state = Trie.from(1, [
      { key: new Uint8Array([1, 2]), value: new Uint8Array(40).fill(5) },
      { key: new Uint8Array([1]), value: new Uint8Array() },
    ]);
    store.putState(256, 'ab'.repeat(32), state);
    expect(toHex(store.state(256, 'ab'.repeat(32))!.root())).toBe(toHex(state.root()));
    expect(store.state(257, 'ab'.repeat(32))).toBeNull();
    store.close();
  });
});
