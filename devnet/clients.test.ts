/** Unmodified clients of Substrate nodes use the local network as they would any other. */
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { createClient } from 'polkadot-api';
import { getPolkadotSigner } from 'polkadot-api/signer';
import { getWsProvider } from 'polkadot-api/ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { sign } from '../src/crypto/sr25519.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../src/protocol/constants.ts';
import { encodeAddress } from '../src/protocol/ss58.ts';
import { developmentAccounts } from './accounts.ts';
import { FAST_PARAMS } from './config.ts';
import { TestNetwork } from './testing/test-network.ts';

let running: TestNetwork;
let url: string;
const AI3 = 10n ** 18n;

beforeAll(async () => {
  running = await TestNetwork.start();
  url = `ws://127.0.0.1:${running.network.port}`;
  await running.reach(1);
  void running.reach(1000);
});

afterAll(() => running.remove());

function account(name: string): { address: string; publicKey: Uint8Array; secret: Uint8Array } {
  const found = developmentAccounts().find((one) => one.name === name)!;
  return { ...found, address: encodeAddress(found.publicKey) };
}

describe('@polkadot/api', () => {
  it('reads a balance, sends a transfer and a remark, sees them included', async () => {
    const api = await ApiPromise.create({ provider: new WsProvider(url), noInitWarn: true });
    try {
      expect(api.consts['subspace']!['eraDuration']!.toString()).toBe(
        String(FAST_PARAMS.eraDurationInBlocks),
      );
      const alice = new Keyring({ type: 'sr25519' }).addFromUri('//Alice');
      const dave = account('Dave').address;
      const free = async (): Promise<bigint> => {
        const { data } = (await api.query['system']!['account']!(dave)) as unknown as {
          data: { free: { toBigInt(): bigint } };
        };
        return data.free.toBigInt();
      };
      expect(await free()).toBe(FAST_PARAMS.endowment);
      const remark = api.tx['system']!['remarkWithEvent']!('0x616c6c6f746d656e74');
      const transfer = api.tx['balances']!['transferKeepAlive']!(dave, 3n * AI3);
      const { partialFee } = await transfer.paymentInfo(alice);
      expect(partialFee.toBigInt()).toBeGreaterThan(0n);
      for (const [call, event] of [
        [transfer, 'balances.Transfer'],
        [remark, 'system.Remarked'],
      ] as const) {
        const events = await new Promise<string[]>((resolve, reject) => {
          call
            .signAndSend(alice, ({ status, events: records, dispatchError }) => {
              if (dispatchError) reject(new Error(dispatchError.toString()));
              if (!status.isInBlock) return;
              resolve(records.map(({ event: { section, method } }) => `${section}.${method}`));
            })
            .catch(reject);
        });
        expect(events).toContain(event);
        expect(events).toContain('system.ExtrinsicSuccess');
      }
      expect(await free()).toBe(FAST_PARAMS.endowment + 3n * AI3);
    } finally {
      await api.disconnect();
    }
  });
});

describe('polkadot-api', () => {
  it('reads a balance, sends a transfer and a remark, sees them final', async () => {
    const client = createClient(getWsProvider(url, { websocketClass: WebSocket as never }));
    try {
      const api = client.getUnsafeApi();
      const bob = account('Bob');
      const eve = account('Eve');
      const free = async (): Promise<bigint> => {
        const { data } = (await api.query['System']!['Account']!.getValue(eve.address, { at: 'best' })) as {
          data: { free: bigint };
        };
        return data.free;
      };
      expect(await free()).toBe(FAST_PARAMS.endowment);
      const signer = getPolkadotSigner(bob.publicKey, 'Sr25519', (payload) =>
        sign(bob.secret, EXTRINSIC_SIGNING_CONTEXT, payload),
      );
      const dest = { type: 'Id', value: eve.address };
      const transfer = api.tx['Balances']!['transfer_keep_alive']!({ dest, value: 2n * AI3 });
      const sent = await transfer.signAndSubmit(signer);
      expect(sent.ok).toBe(true);
      const remark = api.tx['System']!['remark_with_event']!({ remark: new Uint8Array([1, 2, 3]) });
      const noted = await remark.signAndSubmit(signer);
      expect(noted.events.map(({ value }) => (value as { type: string }).type)).toContain('Remarked');
      expect(await free()).toBe(FAST_PARAMS.endowment + 2n * AI3);
    } finally {
      client.destroy();
    }
  });
});
