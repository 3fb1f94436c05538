/** The well-known development accounts: everybody knows their keys. */
import { deriveSecret, expandMiniSecret, miniSecretFromEntropy, publicKeyOf } from '../src/crypto/sr25519.ts';
import { fromHex } from '../src/protocol/bytes.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';

/** The phrase that Substrate's tools derive their development accounts from. */
export const DEVELOPMENT_PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk';
/** Its entropy. */
const DEVELOPMENT_ENTROPY = fromHex('1a486a5fbe53639984cb64b070755f7b', 16);
const NAMES = ['Alice', 'Bob', 'Charlie', 'Dave', 'Eve', 'Ferdie'] as const;

export interface DevelopmentAccount {
  name: string;
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** 64 bytes. */
  secret: Uint8Array;
}

let accounts: DevelopmentAccount[] | null = null;

/** Alice to Ferdie, derived by the hard junction of their names. Needs `loadWasm`. */
export function developmentAccounts(): DevelopmentAccount[] {
  accounts ??= NAMES.map((name) => {
    const root = expandMiniSecret(miniSecretFromEntropy(DEVELOPMENT_ENTROPY));
    const chainCode = new Uint8Array(32);
    chainCode.set(new ScaleWriter().text(name).bytes());
    const secret = deriveSecret(root, chainCode, true);
    return { name, publicKey: publicKeyOf(secret), secret };
  });
  return accounts;
}
