/** What the tests use of an independent implementation of BBS, which comes without types. */
declare module '@digitalbazaar/bbs-signatures' {
  interface Signed {
    publicKey: Uint8Array;
    header: Uint8Array;
    ciphersuite: string;
  }
  export const CIPHERSUITES: { BLS12381_SHA256: string };
  export function generateKeyPair(input: {
    seed: Uint8Array;
    ciphersuite: string;
  }): Promise<{ publicKey: Uint8Array; secretKey: Uint8Array }>;
  export function sign(
    input: Signed & { secretKey: Uint8Array; messages: Uint8Array[] },
  ): Promise<Uint8Array>;
  export function deriveProof(
    input: Signed & {
      signature: Uint8Array;
      messages: Uint8Array[];
      presentationHeader: Uint8Array;
      disclosedMessageIndexes: number[];
    },
  ): Promise<Uint8Array>;
  export function verifyProof(
    input: Signed & {
      proof: Uint8Array;
      presentationHeader: Uint8Array;
      disclosedMessages: Uint8Array[];
      disclosedMessageIndexes: number[];
    },
  ): Promise<boolean>;
}
