/** An extension wallet: its key is real and stays outside the page, and it reads what it signs as extensions do. */
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import type { SignerPayloadJSON } from '@polkadot/types/types';
import type { Page } from '@playwright/test';

/** Name under which it offers itself. */
export const EXTENSION = 'test-extension';

/**
 * Puts an extension with the development account `//Bob` into a page, before the app runs there. It refuses while
 * the page's `refuseToSign` is true. Returns what ends its connection to the node.
 */
export async function addExtension(page: Page, endpoint: string): Promise<() => Promise<void>> {
  const api = await ApiPromise.create({ provider: new WsProvider(endpoint), noInitWarn: true });
  const bob = new Keyring({ type: 'sr25519' }).addFromUri('//Bob');
  await page.exposeFunction('signAsBob', (payload: SignerPayloadJSON) => {
    const { version } = payload;
    return api.registry.createType('ExtrinsicPayload', payload, { version }).sign(bob).signature;
  });
  await page.addInitScript(
    ([name, address]) => {
      const injectedWeb3 = {
        [name as string]: {
          version: '1.0.0',
          enable: () =>
            Promise.resolve({
              accounts: { get: () => Promise.resolve([{ address, name: 'Bob', type: 'sr25519' }]) },
              signer: {
                signPayload: async (payload: unknown) => {
                  const { refuseToSign, signAsBob } = window as unknown as {
                    refuseToSign?: boolean;
                    signAsBob: (payload: unknown) => Promise<string>;
                  };
                  if (refuseToSign === true) throw new Error('Cancelled');
                  return { id: 1, signature: await signAsBob(payload) };
                },
              },
            }),
        },
      };
      Object.assign(window, { injectedWeb3 });
    },
    [EXTENSION, bob.address],
  );
  return () => api.disconnect();
}
