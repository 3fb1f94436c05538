/**
 * Messages that issuers and verifiers on the web have encrypted beyond the connection, because others see its inside:
 * compact JWE (RFC 7516), ECDH-ES on P-256. The library is fetched when somebody asks for that.
 */
import { Refusal } from '../wallet/errors.ts';

export const JWE_CIPHERS = ['A128GCM', 'A256GCM'] as const;
export type JweCipher = (typeof JWE_CIPHERS)[number];
export const JWE_AGREEMENT = 'ECDH-ES';

/** Public key of P-256; `x` and `y` base64url, 32 bytes each. */
export interface RecipientKey {
  x: string;
  y: string;
  kid?: string | undefined;
}

/** Encrypts to a key. Throws Refusal `recipient-key` for one that is no point of the curve. */
export async function sealJwe(plaintext: Uint8Array, to: RecipientKey, cipher: JweCipher): Promise<string> {
  const { CompactEncrypt, importJWK } = await import('jose');
  const { x, y, kid } = to;
  const key = await importJWK({ kty: 'EC', crv: 'P-256', x, y }, JWE_AGREEMENT).catch((cause: unknown) => {
    throw new Refusal('recipient-key', String(cause), 'The key to encrypt to is none.');
  });
  return new CompactEncrypt(plaintext)
    .setProtectedHeader({ alg: JWE_AGREEMENT, enc: cipher, ...(kid === undefined ? {} : { kid }) })
    .encrypt(key);
}

/** A key made for one answer. */
export interface AnswerKey {
  /** To be sent to whoever answers. */
  jwk: RecipientKey & { kty: 'EC'; crv: 'P-256'; use: 'enc'; alg: typeof JWE_AGREEMENT };
  cipher: JweCipher;
  /** Opens the answer. Throws Refusal `answer-encryption` for what is not encrypted to this key in this way. */
  open(token: string): Promise<Uint8Array>;
}

/** Makes a key for an answer that is to be encrypted with this cipher; its secret cannot leave the browser. */
export async function newAnswerKey(cipher: JweCipher): Promise<AnswerKey> {
  const { compactDecrypt, exportJWK, generateKeyPair } = await import('jose');
  const { privateKey, publicKey } = await generateKeyPair(JWE_AGREEMENT, { crv: 'P-256' });
  const { x, y } = (await exportJWK(publicKey)) as { x: string; y: string };
  return {
    jwk: { kty: 'EC', crv: 'P-256', x, y, use: 'enc', alg: JWE_AGREEMENT },
    cipher,
    open: async (token) => {
      try {
        const { plaintext } = await compactDecrypt(token, privateKey, {
          keyManagementAlgorithms: [JWE_AGREEMENT],
          contentEncryptionAlgorithms: [cipher],
          // Nobody was asked to compress.
          maxDecompressedLength: 0,
        });
        return plaintext;
      } catch (cause) {
        throw new Refusal(
          'answer-encryption',
          String(cause),
          'The answer is not encrypted for this wallet as it asked.',
        );
      }
    },
  };
}
