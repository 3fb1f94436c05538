import { deflateSync } from 'node:zlib';
import { sha256 } from '@noble/hashes/sha2.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, utf8 } from '../protocol/bytes.ts';
import { createMemoryWalletStore } from '../storage/wallet-store.ts';
import { LOWEST_COST, type PasswordKey } from '../wallet/kdf.ts';
import { WalletService } from '../wallet/service.ts';
import { createIdentityService, type IdentityService } from './service.ts';

const quick: PasswordKey = async (password, kdf) => sha256(utf8(`${password}/${kdf.salt}`));

async function person(): Promise<IdentityService> {
  const wallet = await WalletService.open(createMemoryWalletStore(), {
    passwordKey: quick,
    cost: LOWEST_COST,
  });
  await wallet.create({ phrase: await wallet.newPhrase(12), password: 'correct horse battery' });
  return createIdentityService(wallet, { network: () => 'off', registry: null });
}

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const word = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
  const named = concat(utf8(type), content);
  return concat(word(content.length), named, word(crc(named)));
}

/** A picture of 16 by 16 pixels. */
function picture(): Uint8Array {
  const side = 16;
  const header = Uint8Array.of(0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0);
  const rows = Uint8Array.from({ length: side * (1 + 3 * side) }, (_, at) =>
    at % (1 + 3 * side) === 0 ? 0 : at,
  );
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return concat(
    signature,
    chunk('IHDR', header),
    chunk('IDAT', new Uint8Array(deflateSync(rows))),
    chunk('IEND', new Uint8Array()),
  );
}

describe.each(['ed25519', 'p256'] as const)('a photo signed inside by a key of kind %s', (kind) => {
  let ada: IdentityService;
  let did: string;
  let signed: Uint8Array;

  beforeAll(async () => {
    ada = await person();
    ({ did } = await ada.createIdentity({ name: 'Ada', key: kind }));
    signed = await ada.signMedia({ did, content: picture(), origin: 'human', tool: 'Box camera' });
  });

  it('holds for everybody, and names its signer', async () => {
    const stranger = await person();
    expect(await stranger.verifyMedia({ content: signed })).toMatchObject({
      did,
      origin: 'human',
      tool: 'Box camera',
      actions: ['c2pa.created'],
      ingredients: 0,
      verdict: { certificates: 'ok' },
    });
  });

  it('does not hold when a pixel, or any byte of the picture, is changed', async () => {
    const start = signed.length - 40;
    for (const at of [start, start + 8]) {
      const changed = signed.slice();
      changed[at]! ^= 1;
      await expect(ada.verifyMedia({ content: changed })).rejects.toThrow(/^media-|changed|damaged/);
    }
  });

  it('does not hold when any byte of the manifest is changed', async () => {
    const beginning = Buffer.from(signed).indexOf('caBX') + 4;
    const end = Buffer.from(signed).indexOf('IDAT') - 8;
    for (let at = beginning; at < end; at += Math.ceil((end - beginning) / 40)) {
      const changed = signed.slice();
      changed[at]! ^= 1;
      const outcome = await ada.verifyMedia({ content: changed }).then(
        // Padding that no hash covers may change; what is said may not.
        (view) => ({ did: view.did, origin: view.origin, tool: view.tool }),
        () => null,
      );
      expect([null, { did, origin: 'human', tool: 'Box camera' }]).toContainEqual(outcome);
    }
  });

  it('is not signed over another signature', async () => {
    await expect(ada.signMedia({ did, content: signed, origin: 'ai' })).rejects.toThrow('media-signed');
  });
});

describe('media that cannot be signed or checked', () => {
  it.each([
    ['another kind of file', utf8('hello'), 'media-format'],
    ['an unsigned photo', picture(), 'media-unsigned'],
    ['a photo cut short', picture().subarray(0, 40), 'media-'],
    ['nothing', new Uint8Array(), 'media-format'],
  ])('%s', async (_, content, reason) => {
    const ada = await person();
    await expect(ada.verifyMedia({ content })).rejects.toThrow(reason);
  });

  it('an identity that may not issue', async () => {
    const ada = await person();
    const owner = await ada.createIdentity({ name: 'Ada' });
    const agent = await ada.createAgent({
      owner: owner.did,
      name: 'Camera',
      purpose: 'Takes pictures',
      capabilities: [{ res: 'ext:camera', act: ['sign'] }],
      days: 7,
    });
    await expect(ada.signMedia({ did: agent.to, content: picture(), origin: 'human' })).rejects.toThrow(
      'media-signer',
    );
  });
});
