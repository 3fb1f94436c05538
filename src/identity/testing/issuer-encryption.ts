/** How the issuer of tests encrypts what it gives and has encrypted what it is asked. */
import * as jose from 'jose';
import type { WebAnswer, WebRequest } from '../../network/web.ts';
import { json } from './servers.ts';

/** An issuer that encrypts. */
export interface Encrypts {
  /** Whether what it is asked has to be encrypted too. */
  requests: boolean;
  /** What it answers instead; `to`: the key of the wallet. */
  answer?: (sealed: string, plain: string, to: jose.JWK) => WebAnswer | Promise<WebAnswer>;
}

/** What a request says of how its answer is to be encrypted. */
export interface EncryptedAnswer {
  credential_response_encryption?: { jwk: jose.JWK; alg: string; enc: string };
}

/** The encryption of one issuer. */
export async function encryptionOf(encrypts: Encrypts | undefined) {
  const { publicKey, privateKey } = await jose.generateKeyPair('ECDH-ES', { crv: 'P-256' });
  const jwk = { ...(await jose.exportJWK(publicKey)), use: 'enc', alg: 'ECDH-ES', kid: 'requests-1' };
  return {
    metadata: {
      ...(encrypts && {
        credential_response_encryption: {
          alg_values_supported: ['RSA-OAEP-256', 'ECDH-ES'],
          enc_values_supported: ['A256GCM'],
          encryption_required: true,
        },
      }),
      ...(encrypts?.requests === true && {
        credential_request_encryption: {
          jwks: { keys: [{ kty: 'OKP', crv: 'X25519', x: 'AA', kid: 'other' }, jwk] },
          enc_values_supported: ['A128GCM'],
          encryption_required: true,
        },
      }),
    },
    opened: async ({ headers, body }: WebRequest): Promise<Record<string, unknown>> => {
      if (encrypts?.requests !== true) return JSON.parse(body!) as Record<string, unknown>;
      if (headers?.['content-type'] !== 'application/jwt') throw new Error('a request that is not encrypted');
      const { plaintext, protectedHeader } = await jose.compactDecrypt(body!, privateKey);
      if (protectedHeader.kid !== 'requests-1') throw new Error('encrypted to another key');
      return JSON.parse(new TextDecoder().decode(plaintext)) as Record<string, unknown>;
    },
    sealed: async (of: EncryptedAnswer, answer: unknown, status: number): Promise<WebAnswer> => {
      if (encrypts === undefined) return json(answer, status);
      const { jwk: to, alg, enc } = of.credential_response_encryption!;
      const plain = JSON.stringify(answer);
      const text = await new jose.CompactEncrypt(new TextEncoder().encode(plain))
        .setProtectedHeader({ alg, enc })
        .encrypt(await jose.importJWK(to, alg));
      return (await encrypts.answer?.(text, plain, to)) ?? { status, type: 'application/jwt', text };
    },
  };
}
