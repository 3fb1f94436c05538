/** Keys derived from phrases, and the wallet’s stored form. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { utf8 } from '../../src/protocol/bytes.ts';
import { encodeAddress } from '../../src/protocol/ss58.ts';
import { fromBase64Url, parseJson } from '../../src/wallet/json.ts';
import {
  argon2idKey,
  passkeyKey,
  prfInput,
  type PasskeyKdf,
  type PasswordKdf,
} from '../../src/wallet/kdf.ts';
import {
  accountKey,
  bbsKeyMaterial,
  ed25519Seed,
  normalisedPhrase,
  p256Secret,
  phraseEntropy,
  phraseMiniSecret,
  phraseSeed,
  scoreBlindingKey,
  storageRootKey,
} from '../../src/wallet/keys.ts';
import {
  openBytes,
  openRecord,
  recordBinding,
  sealBytes,
  sealRecord,
  slotBinding,
  unwrapDataKey,
  wrapDataKey,
  type RecordType,
} from '../../src/wallet/sealing.ts';
import { bytes, hex, type AutoIdFile } from './auto-id-recordings.ts';
import { casesOf, expectFacts, expectSame, type Recorded, refusal } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';

function derivedKey(seed: Uint8Array, info: string): Recorded {
  const [, kind, number] = /^autoid\/(\w+)\/(\d+)$/.exec(info) ?? [];
  switch (kind ?? info) {
    case 'ed25519': {
      const secret = ed25519Seed(seed, Number(number));
      return { secret: hex(secret), public: hex(ed25519.getPublicKey(secret)) };
    }
    case 'p256': {
      const secret = p256Secret(seed, Number(number));
      return { secret: hex(secret), public: hex(p256.getPublicKey(secret, true)) };
    }
    case 'bbs':
      return { key_material: hex(bbsKeyMaterial(seed, Number(number))) };
    case 'storage/root':
      return { secret: hex(storageRootKey(seed)) };
    case 'pedersen/score':
      return { secret: hex(scoreBlindingKey(seed)) };
    default:
      throw new Error(`no key is derived for ${info}`);
  }
}

export function keyCases({ wallet_v1: { keys } }: AutoIdFile): ConformanceCase[] {
  return casesOf(
    keys,
    ({ name }) => ({ name: `keys of ${name}`, rule: 'wallet-keys' }),
    async (record) => {
      await loadWasm();
      const phrase = normalisedPhrase(record.mnemonic);
      const mini = phraseMiniSecret(phrase, record.passphrase);
      const seed = phraseSeed(phrase, record.passphrase);
      expectFacts(record, {
        mnemonic: phrase,
        entropy: hex(phraseEntropy(phrase)),
        bip39_seed: hex(seed),
        substrate_mini_secret: hex(mini),
      });
      for (const account of record.accounts) {
        const { publicKey } = accountKey(mini, account.path);
        expectFacts(account, {
          sr25519_public: hex(publicKey),
          ss58_6094: encodeAddress(publicKey, 6094),
        });
      }
      for (const one of record.derived) expectFacts(one, derivedKey(seed, one.info));
    },
  );
}

export function keystoreCases({ wallet_v1: { keystore, prf } }: AutoIdFile): ConformanceCase[] {
  const passwords = casesOf(
    keystore,
    (_, index) => ({ name: `keystore ${index}`, rule: 'wallet-keystore' }),
    async (record) => {
      const { header } = record;
      const kek = await argon2idKey(record.password, header.kdf as PasswordKdf);
      const slot = wrapDataKey(header, kek, bytes(record.dek), bytes(record.nonce));
      const { id, type } = parseJson(record.record_aad, 'record') as { id: string; type: RecordType };
      const plaintext = utf8(record.record_plaintext);
      const sealed = sealBytes(bytes(record.dek), id, type, plaintext, bytes(record.record_nonce));
      const decoded = openRecord(bytes(record.dek), sealed);
      expectFacts(record, {
        kek: hex(kek),
        header_aad: new TextDecoder().decode(slotBinding(header)),
        dek: hex(unwrapDataKey(slot, kek)),
        wrapped_dek: hex(fromBase64Url(slot.ct, 'slot')),
        record_aad: new TextDecoder().decode(recordBinding(id, type)),
        record_plaintext: new TextDecoder().decode(openBytes(bytes(record.dek), sealed)),
        record_ciphertext: hex(fromBase64Url(sealed.ct, 'record')),
      });
      const again = sealRecord(bytes(record.dek), id, type, decoded);
      expectSame('sealed again', openRecord(bytes(record.dek), again), decoded);
      const wrong = await refusal(() =>
        unwrapDataKey(
          slot,
          kek.map((byte) => byte ^ 1),
        ),
      );
      if (wrong === null) throw new Error('a wrong key opens the slot');
    },
  );
  const passkey = casesOf(
    [prf],
    () => ({ name: 'passkey slot', rule: 'wallet-keystore' }),
    (record) => {
      const kek = passkeyKey(bytes(record.prf_output), record.header.kdf as PasskeyKdf);
      expectSame('label', sha256(utf8(record.prf_eval_first_label)), prfInput());
      const slot = wrapDataKey(record.header, kek, bytes(record.dek), bytes(record.nonce));
      expectFacts(record, {
        prf_eval_first: hex(prfInput()),
        kek: hex(kek),
        dek: hex(unwrapDataKey(slot, kek)),
        header_aad: new TextDecoder().decode(slotBinding(record.header)),
        wrapped_dek: hex(fromBase64Url(slot.ct, 'slot')),
      });
    },
  );
  return [...passwords, ...passkey];
}
