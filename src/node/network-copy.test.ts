/** A copy of a wallet as the network keeps it: stored as an object, read back out of a piece of history, restored. */
import { describe, expect, it } from 'vitest';
import { createMemoryWalletStore } from '../storage/wallet-store.ts';
import { objectPath } from '../objects/link.ts';
import { prepareTree } from '../objects/prepare.ts';
import { ObjectService } from '../objects/service.ts';
import { concat, equal } from '../protocol/bytes.ts';
import { cidOfHash } from '../protocol/cid.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import type { StoredNode } from '../protocol/dag-builder.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import { LOWEST_COST } from '../wallet/kdf.ts';
import { WalletService } from '../wallet/service.ts';

const PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk';
const PIECE = 40n;
const BEFORE = 300;

const wallet = () =>
  WalletService.open(createMemoryWalletStore(), {
    passwordKey: async () => new Uint8Array(32).fill(1),
    cost: LOWEST_COST,
  });

/** Stores a file as an upload does; returns its address, and what gives its piece. */
async function stored(content: Uint8Array) {
  const nodes: StoredNode[] = [];
  const bytes = async function* () {
    yield content;
  };
  for await (const node of prepareTree({ kind: 'file', name: 'data', bytes })) nodes.push(node);
  expect(nodes).toHaveLength(1);
  const [{ hash, bytes: node }] = nodes as [StoredNode];
  const raw = new Uint8Array(RAW_RECORD_BYTES);
  raw.set(concat(new Uint8Array(BEFORE), new ScaleWriter().byteVector(node).bytes()));
  const hint = { hash, pieceIndex: PIECE, offset: BEFORE };
  return { raw, link: objectPath({ cid: cidOfHash(hash), hints: [hint] }) };
}

async function fetched(raw: Uint8Array, link: string): Promise<Response> {
  const piece = new Uint8Array(PIECE_BYTES);
  piece.set(recordFromRaw(raw));
  const pieces = { pieces: async (all: readonly bigint[]) => all.map((at) => (at === PIECE ? piece : null)) };
  return new ObjectService({ pieces, locators: [] }).respond(link, [], {
    signal: AbortSignal.timeout(60_000),
  });
}

describe('a copy of a wallet in the network’s history', () => {
  it('comes back by the phrase and its identifier, and not at all once a byte of it changed', async () => {
    const old = await wallet();
    await old.create({ phrase: PHRASE, password: 'correct horse battery' });
    await old.addAccount({ name: 'Farm' });
    const copy = await old.networkBackup();
    const { raw, link } = await stored(copy);

    const answer = await fetched(raw, link);
    expect(answer.status).toBe(200);
    const back = new Uint8Array(await answer.arrayBuffer());
    expect(equal(back, copy)).toBe(true);
    const other = await wallet();
    await other.restoreFromNetwork({ copy: back, phrase: PHRASE, password: 'another password' });
    expect((await other.status()).accounts.map(({ name }) => name)).toEqual(['Main account', 'Farm']);

    const changed = raw.slice();
    changed[BEFORE + 1000]! ^= 1;
    expect((await fetched(changed, link)).status).not.toBe(200);
  });
});
