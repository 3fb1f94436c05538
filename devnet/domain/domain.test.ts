import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sign } from '../../src/crypto/sr25519.ts';
import {
  confirmedReceiptQuery,
  domainIdsQuery,
  domainQuery,
  genesisReceiptQuery,
} from '../../src/chain/state/domains.ts';
import { StateReader } from '../../src/chain/state/reader.ts';
import { autoIdKey, decodeCall, decodeEntry, encodeCall } from '../../src/identity/calls.ts';
import { signDomainExtrinsic } from '../../src/identity/extrinsic.ts';
import { Registry } from '../../src/identity/registry.ts';
import { concat, equal, fromHex, littleEndian, toHex } from '../../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { IMMORTAL } from '../../src/protocol/extrinsic.ts';
import { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import { readProof } from '../../src/protocol/trie-proof.ts';
import { developmentAccounts } from '../accounts.ts';
import { FAST_PARAMS } from '../config.ts';
import { Metadata } from '../runtime/metadata.ts';
import { TestNetwork } from '../testing/test-network.ts';
import { signTransaction } from '../transactions.ts';
import { domainAccount } from './runtime.ts';

interface Vectors {
  scenarios: { steps: { call_scale: string }[] }[];
}

const AI3 = 10n ** 18n;
const vectors = JSON.parse(
  readFileSync(new URL('../../tests/vectors/auto-id.json', import.meta.url), 'utf8'),
) as Vectors;

let test: TestNetwork;
let metadata: RuntimeMetadata;

beforeAll(async () => {
  test = await TestNetwork.start({ domainPort: 0 });
  metadata = RuntimeMetadata.decode(new Metadata(FAST_PARAMS).version(14)!);
});
afterAll(() => test.remove());

/** A call of //Alice's, signed as the wallet signs it. */
function signed(call: Uint8Array, nonce?: bigint): Uint8Array {
  const { chain, pool } = test.network.domain;
  const { publicKey, secret } = developmentAccounts()[0]!;
  const stored = domainAccount(chain.stateOf(chain.best.hash), publicKey)!.nonce;
  const genesisHash = fromHex(chain.genesis.hash, 32);
  return signDomainExtrinsic(
    {
      scheme: 'sr25519',
      publicKey,
      sign: (message) => sign(secret, EXTRINSIC_SIGNING_CONTEXT, message),
    },
    call,
    { era: IMMORTAL, nonce: nonce ?? BigInt(pool.nextNonce(publicKey, stored)), tip: 0n },
    { specVersion: 0, transactionVersion: 0, genesisHash, eraBirthHash: genesisHash },
  );
}

/** A reader of the consensus chain's best state that believes nothing without proof. */
function reader(): StateReader {
  const { chain } = test.network;
  const { hash, number, header } = chain.best;
  const source = {
    readProof: async (keys: readonly Uint8Array[], at: Uint8Array) => ({
      proof: chain.stateOf(toHex(at)).prove(keys),
    }),
  };
  return new StateReader(source, metadata, { number, hash: fromHex(hash, 32), stateRoot: header.stateRoot });
}

/** The first recorded registration of a root that succeeds and whose certificate is valid now. */
function registration(): Uint8Array {
  const registry = new Registry();
  const found = vectors.scenarios
    .flatMap(({ steps }) => steps)
    .map((step) => fromHex(step.call_scale))
    .find((bytes) => {
      try {
        const call = decodeCall(bytes);
        return call.kind === 'register' && call.issuer === null && registry.predict(call, Date.now()).ok;
      } catch {
        return false;
      }
    });
  if (found === undefined) throw new Error('no registration is recorded');
  return found;
}

describe('the Auto ID domain of the local network', () => {
  it('is discovered by proof, and its genesis is the one that the consensus state names', async () => {
    await test.reach(1);
    expect((await reader().read(domainIdsQuery(metadata))).value).toEqual([0]);
    const found = (await reader().read(domainQuery(metadata, 0))).value;
    expect(found).toMatchObject({ id: 0, kind: 'AutoId', name: 'auto-id' });
    const genesis = (await reader().read(genesisReceiptQuery(metadata, 0))).value!;
    expect(toHex(genesis.domainBlockHash)).toBe(test.network.domain.chain.genesis.hash);
  });

  it('registers an Auto ID once, receives tokens, and proves both through the consensus state', async () => {
    const { domain, chain, pool } = test.network;
    const call = registration();
    const decoded = decodeCall(call);
    if (decoded.kind !== 'register') throw new Error('not a registration');
    const expected = new Registry().predict(decoded, Date.now());
    if (!expected.ok) throw new Error(expected.error);
    expect(equal(encodeCall(decoded), call)).toBe(true);
    const alice = developmentAccounts()[0]!;
    const accountAt = (id: Uint8Array) => domainAccount(domain.chain.stateOf(domain.chain.best.hash), id);
    const before = accountAt(alice.publicKey)!;
    // The second one is refused by the registry, paid for all the same.
    for (let time = 0; time < 2; time += 1)
      expect(domain.pool.submit(signed(call, BigInt(before.nonce + time)))).toMatch(/^[0-9a-f]{64}$/);
    expect(domain.pool.pending()).toHaveLength(2);
    const receiver = new Uint8Array(32).fill(7);
    const transfer = concat(
      new Uint8Array([61, 0, 1]),
      littleEndian(0, 4),
      new Uint8Array([0]),
      receiver,
      littleEndian(3n * AI3, 16),
    );
    pool.submit(signTransaction(chain, pool, alice, transfer));

    // Bundled in the next block, reported in the one after, confirmed by the receipt after that.
    await test.reach(chain.best.number + 4);
    expect(domain.pool.pending()).toHaveLength(0);
    const receipt = (await reader().read(confirmedReceiptQuery(metadata, 0))).value!;
    const block = toHex(receipt.domainBlockHash);
    expect(domain.chain.hashAt(receipt.domainBlock)).toBe(block);
    const key = autoIdKey(expected.id);
    const proof = domain.chain.stateOf(block).prove([key]);
    const [value] = readProof(receipt.stateRoot, proof, [key]);
    const entry = decodeEntry(value!);
    expect(equal(entry.raw, decoded.request.certificate)).toBe(true);
    expect(entry.nonce).toBe(0n);

    const after = accountAt(alice.publicKey)!;
    expect(after.nonce).toBe(before.nonce + 2);
    expect(after.free).toBeLessThan(before.free);
    expect(accountAt(receiver)?.free).toBe(3n * AI3);
    const balance = (await reader().item('Transporter', 'DomainBalances', 0)).value as bigint;
    expect(balance).toBeGreaterThan(6002n * AI3);
    expect(balance).toBeLessThan(6003n * AI3);
  });

  it('refuses another signature, an old nonce and an unknown call', () => {
    const { pool } = test.network.domain;
    const forged = signed(registration());
    forged[60]! ^= 1;
    expect(() => pool.submit(forged)).toThrow('Invalid Transaction');
    expect(() => pool.submit(signed(registration(), 0n))).toThrow('Invalid Transaction');
    expect(() => pool.submit(signed(new Uint8Array([99, 0])))).toThrow('Invalid Transaction');
    expect(pool.pending()).toHaveLength(0);
  });

  it('goes on after a restart where it was', async () => {
    const { hash, number } = test.network.domain.chain.best;
    await test.restart();
    expect(test.network.domain.chain.best).toMatchObject({ hash, number });
    await test.reach(test.network.chain.best.number + 1);
    expect(test.network.domain.chain.best.number).toBe(number + 1);
    expect(test.network.domain.chain.hashAt(number)).toBe(hash);
  });
});
