/** The local network as a whole: it goes on by its own rules, survives restarts, forks on demand. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LightClient } from '../src/chain/light-client.ts';
import { FarmerRpc } from '../src/network/farmer-rpc.ts';
import { NodeRpc } from '../src/network/node-rpc.ts';
import { RpcClient } from '../src/network/rpc.ts';
import { openNodeSocket } from '../src/network/socket-node.ts';
import { RpcSource } from '../src/network/source.ts';
import { fromHex, toHex } from '../src/protocol/bytes.ts';
import { subspaceDigests } from '../src/protocol/digest.ts';
import { encodeExtrinsic } from '../src/protocol/extrinsic.ts';
import { headerHash } from '../src/protocol/header.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { readProof } from '../src/protocol/trie-proof.ts';
import type { SubspaceDigests } from '../src/protocol/types.ts';
import { developmentAccounts } from './accounts.ts';
import type { Block } from './chain.ts';
import { FAST_PARAMS } from './config.ts';
import { accountOf } from './runtime/balances.ts';
import { keys } from './runtime/keys.ts';
import { signTransaction } from './transactions.ts';
import { PoolError, type TransactionStatus } from './transaction-pool.ts';
import { TestNetwork } from './testing/test-network.ts';

let running: TestNetwork;

beforeAll(async () => {
  running = await TestNetwork.start();
});

afterAll(() => running.remove());

function blocks(): Block[] {
  const { chain } = running.network;
  return Array.from({ length: chain.best.number + 1 }, (_, number) => chain.block(chain.hashAt(number)!)!);
}

function digests(number: number): SubspaceDigests {
  return subspaceDigests(blocks()[number]!.header);
}

describe('the chain', () => {
  it('begins with the genesis segment and the adjustment of ranges', async () => {
    await running.reach(1);
    const { segmentCommitments, enableSolutionRangeAdjustment } = digests(1);
    expect(segmentCommitments.map(({ segmentIndex }) => segmentIndex)).toEqual([0n]);
    expect(enableSolutionRangeAdjustment).toEqual({ override: null });
  });

  it('changes eras, injects entropy, counts votes, becomes final', async () => {
    await running.reach(14);
    const { chain } = running.network;
    expect(digests(FAST_PARAMS.eraDurationInBlocks).nextSolutionRange).not.toBeNull();
    expect(digests(FAST_PARAMS.eraDurationInBlocks + 1).nextSolutionRange).toBeNull();
    const injecting = 2 * FAST_PARAMS.potEntropyInjectionInterval;
    expect(digests(injecting - 1).potParametersChange).toBeNull();
    const change = digests(injecting).potParametersChange!;
    expect(change.slot).toBe(digests(injecting).preDigest.slot + FAST_PARAMS.potEntropyInjectionDelay);
    const bodies = blocks().map(({ hash }) => chain.signedBlock(hash)!.extrinsics);
    const votes = bodies.flat().filter((extrinsic) => toHex(extrinsic).includes('450000000002'));
    expect(votes.length).toBeGreaterThan(0);
    expect(chain.finalized.number).toBe(chain.best.number - FAST_PARAMS.confirmationDepthK);
    const { free } = accountOf(
      chain.stateOf(chain.best.hash),
      running.farmer.identity.publicKey,
      chain.best.number,
    );
    expect(free).toBeGreaterThan(10n ** 17n);
  });

  it('refuses blocks that break a rule', () => {
    const { chain } = running.network;
    const good = chain.signedBlock(chain.best.hash)!;
    const rule = (change: Partial<typeof good>): string => {
      try {
        chain.import({ ...good, ...change });
        return 'accepted';
      } catch (error) {
        return (error as { rule: string }).rule;
      }
    };
    const { header } = good;
    const stateRoot = header.stateRoot.map((byte) => byte ^ 1);
    expect(rule({ header: { ...header, stateRoot } })).toBe('seal-signature');
    expect(rule({ header: { ...header, number: header.number + 1 } })).toBe('number');
    expect(rule({ header: { ...header, parentHash: new Uint8Array(32) } })).toBe('parent-known');
    expect(rule({ header: { ...header, digest: header.digest.slice(0, -1) } })).toBe('seal-present');
    const genesisHash = fromHex(chain.genesis.hash, 32);
    expect(rule({ header: { ...header, number: 1, parentHash: genesisHash } })).toBe('finality');
  });
});

describe('transactions', () => {
  it('are included, paid for and final', async () => {
    const { chain, pool } = running.network;
    const [, bob, charlie] = developmentAccounts();
    const call = new ScaleWriter()
      .u8(5)
      .u8(3)
      .u8(0)
      .raw(charlie!.publicKey)
      .compact(10n ** 18n)
      .bytes();
    const seen: TransactionStatus[] = [];
    const done = new Promise<void>((resolve) => {
      pool.submit(signTransaction(chain, pool, bob!, call), (status) => {
        seen.push(status);
        if (status.kind === 'finalized') resolve();
      });
    });
    void running.reach(chain.best.number + FAST_PARAMS.confirmationDepthK + 2);
    await done;
    expect(seen.map(({ kind }) => kind)).toEqual(['ready', 'inBlock', 'finalized']);
    const state = chain.stateOf(chain.best.hash);
    const { endowment } = FAST_PARAMS;
    expect(accountOf(state, charlie!.publicKey, chain.best.number).free).toBe(endowment + 10n ** 18n);
    const paid = endowment - 10n ** 18n - accountOf(state, bob!.publicKey, chain.best.number).free;
    expect(paid).toBeGreaterThan(0n);
    expect(paid).toBeLessThan(10n ** 15n);
  });

  it('are refused for what is wrong with them', () => {
    const { chain, pool } = running.network;
    const [alice] = developmentAccounts();
    const refusal = (extrinsic: Uint8Array): string => {
      try {
        pool.submit(extrinsic);
        return 'accepted';
      } catch (error) {
        return error instanceof PoolError ? error.data : String(error);
      }
    };
    const call = new ScaleWriter().u8(0).u8(0).byteVector(new Uint8Array(3)).bytes();
    const signed = signTransaction(chain, pool, alice!, call);
    const tampered = signed.slice();
    tampered[tampered.length - 1]! ^= 1;
    expect(refusal(tampered)).toBe('Transaction has a bad signature');
    expect(refusal(signTransaction(chain, pool, alice!, call, { nonce: 0n }))).toBe(
      'Transaction is outdated',
    );
    const bare = encodeExtrinsic({ kind: 'bare', version: 5, call });
    expect(refusal(bare)).toBe('Transaction call is not expected');
    expect(refusal(new Uint8Array([1, 2, 3]))).toBe('Transaction call is not expected');
    expect(refusal(signed)).toBe('accepted');
    expect(refusal(signed)).toBe('Transaction is already in the pool');
  });
});

describe('RPC', () => {
  it('answers as the client’s decoders expect', async () => {
    const client = new RpcClient(`ws://127.0.0.1:${running.network.port}`, { openSocket: openNodeSocket });
    const node = new NodeRpc(client);
    const farmer = new FarmerRpc(client, 'local');
    const { chain } = running.network;
    try {
      const genesis = (await node.blockHash(0))!;
      expect(toHex(genesis)).toBe(chain.genesis.hash);
      const info = await farmer.appInfo();
      expect(info).toMatchObject({ farmingTimeoutMs: 2000, genesisHash: genesis });
      const block = (await node.block())!;
      const hash = headerHash(block.header);
      expect(block.justifications).toHaveLength(1);
      const account = developmentAccounts()[0]!.publicKey;
      const wanted = [keys.account(account), keys.account(new Uint8Array(32)), keys.code];
      const { proof } = await node.readProof(wanted, hash);
      const [value, absent, code] = readProof(block.header.stateRoot, proof, wanted);
      expect(absent).toBeNull();
      expect(value).toEqual(await node.storage(keys.account(account), hash));
      expect(new TextDecoder().decode(code!)).toContain('Allotment local network');
      expect(await node.methods()).toContain('subspace_subscribeSlotInfo');
      expect((await node.properties()).ss58Format).toBe(6094);
      expect(await node.metadata()).toHaveLength(151_358);
      expect(await farmer.piece(10n ** 9n)).toBeNull();
      expect((await farmer.lastSegmentHeaders(5)).length).toBe(1);
      void running.reach(block.header.number + 3);
      const heads = await new Promise<number>((resolve) => {
        const subscription = node.onHeader(
          'new',
          (header) => {
            if (header.number <= block.header.number) return;
            subscription.close();
            resolve(header.number);
          },
          () => undefined,
        );
      });
      expect(heads).toBeGreaterThan(block.header.number);
      const slot = await new Promise<bigint>((resolve) => {
        const off = farmer.onSlot(({ slotNumber }) => {
          off();
          resolve(slotNumber);
        });
      });
      expect(slot).toBeGreaterThan(0n);
      await expect(client.call('subspace_nothing')).rejects.toMatchObject({ code: -32_601 });
      await expect(client.call('state_call', ['Nothing', '0x'])).rejects.toMatchObject({ code: 4003 });
      const late = { slotNumber: 1n, solution: digests(2).preDigest.solution };
      await expect(farmer.submitSolution(late.slotNumber, late.solution)).rejects.toMatchObject({
        code: 9001,
      });
    } finally {
      client.close();
    }
  });
});

describe('a light client that examines its history', () => {
  it('samples what the node proves and follows from there', async () => {
    const { eraDurationInBlocks: era, confirmationDepthK: depth } = FAST_PARAMS;
    const head = await running.reach(3 * era + depth + 1);
    const client = await LightClient.open({
      sources: [RpcSource.connect(`ws://127.0.0.1:${running.network.port}`, { openSocket: openNodeSocket })],
      pool: running.farmer.compute,
      store: null,
      network: { genesisHash: null, constants: null, potExternalEntropy: null },
      begin: { kind: 'examine' },
      potBudget: { mode: 'full' },
      now: () => Date.now() + 3_600_000,
    });
    client.start();
    try {
      const reached = (number: number) =>
        new Promise<void>((resolve) => {
          const look = () => (client.snapshot().best?.number ?? 0) >= number && resolve();
          client.onChange(look);
          look();
        });
      await reached(head.number);
      const { beginning, refusals } = client.snapshot();
      expect(refusals).toEqual([]);
      if (beginning?.kind !== 'examined') throw new Error('not examined');
      expect(beginning.number).toBeGreaterThanOrEqual(head.number);
      expect(beginning).toMatchObject({ fullFrom: beginning.number - depth, boundaries: 3 });
      await running.reach(head.number + 2);
      await reached(head.number + 2);
      expect(client.snapshot().refusals).toEqual([]);
    } finally {
      await client.stop();
    }
  });
});

describe('restart', () => {
  it('goes on with chain, time and state', async () => {
    const before = running.network.chain.best;
    const { slot } = running.network.timekeeper;
    const { free } = accountOf(
      running.network.chain.stateOf(before.hash),
      running.farmer.identity.publicKey,
      before.number,
    );
    await running.restart();
    const { chain, timekeeper } = running.network;
    const after = chain.hashAt(before.number);
    expect(chain.best.number).toBeGreaterThanOrEqual(before.number);
    expect(after).not.toBeNull();
    expect(timekeeper.slot).toBeGreaterThanOrEqual(slot);
    const state = chain.stateOf(chain.hashAt(before.number)!);
    expect(accountOf(state, running.farmer.identity.publicKey, before.number).free).toBe(free);
    await running.reach(chain.best.number + 1);
  });

  it('begins anew when told to, and leaves alone what is not the network’s', async () => {
    const letter = join(running.folder, 'letter.txt');
    writeFileSync(letter, 'dear');
    await running.restart({ reset: true });
    expect(running.network.chain.finalized.number).toBe(0);
    expect(readFileSync(letter, 'utf8')).toBe('dear');
  });
});

describe('forks on demand', () => {
  it('reorganise the chain, and a light client follows with nothing to refuse', async () => {
    await running.stop();
    const forking = await TestNetwork.start({ forks: true });
    const { chain, port } = forking.network;
    void forking.reach(12);
    const reorganised = new Promise<Block[]>((resolve) => {
      const off = chain.on('best', (_, retracted) => {
        if (retracted.length === 0) return;
        off();
        resolve(retracted);
      });
    });
    const client = await LightClient.open({
      sources: [RpcSource.connect(`ws://127.0.0.1:${port}`, { openSocket: openNodeSocket })],
      pool: forking.farmer.compute,
      store: null,
      network: { genesisHash: null, constants: null, potExternalEntropy: null },
      potBudget: { mode: 'full' },
      // Slots pass faster here than the clock allows.
      now: () => Date.now() + 3_600_000,
    });
    client.start();
    try {
      const retracted = await reorganised;
      for (const block of retracted) expect(chain.isCanonical(block)).toBe(false);
      const target = await forking.reach(chain.best.number + 2);
      await new Promise<void>((resolve) => {
        const off = client.onChange(() => {
          if ((client.snapshot().best?.number ?? 0) < target.number) return;
          off();
          resolve();
        });
      });
      const { best, refusals, beginning, cause } = client.snapshot();
      expect({ refusals, cause, beginning }).toEqual({
        refusals: [],
        cause: null,
        beginning: { kind: 'genesis', reason: null },
      });
      expect(chain.block(best!.hash)).not.toBeNull();
    } finally {
      await client.stop();
      await forking.remove();
    }
  });
});
