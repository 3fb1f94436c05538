/** What is used of the libraries of bbs-2023, which come without types. */
declare module '@digitalbazaar/bbs-2023-cryptosuite' {
  /** How a proof is made or checked; for `DataIntegrityProof` only. */
  export interface Cryptosuite {
    readonly name: 'bbs-2023';
  }
  export function createDiscloseCryptosuite(input: {
    selectivePointers: readonly string[];
    presentationHeader: Uint8Array;
  }): Cryptosuite;
  export function createVerifyCryptosuite(input: { expectedPresentationHeader: Uint8Array }): Cryptosuite;
  export function createSignCryptosuite(input: { mandatoryPointers: readonly string[] }): Cryptosuite;
}

declare module '@digitalbazaar/data-integrity' {
  import type { Cryptosuite } from '@digitalbazaar/bbs-2023-cryptosuite';

  export interface Suite {
    readonly type: 'DataIntegrityProof';
  }
  export const DataIntegrityProof: new (input: {
    cryptosuite: Cryptosuite;
    signer?: unknown;
    date?: string;
  }) => Suite;
}

declare module '@digitalbazaar/di-sd-primitives' {
  export function selectJsonLd(input: {
    document: object;
    pointers: readonly string[];
  }): Record<string, unknown> | null;
}

declare module 'jsonld-signatures' {
  import type { Suite } from '@digitalbazaar/data-integrity';

  interface How {
    suite: Suite;
    purpose: object;
    documentLoader: (url: string) => Promise<{ contextUrl: null; documentUrl: string; document: unknown }>;
  }
  const jsigs: {
    sign(document: object, how: How): Promise<Record<string, unknown>>;
    derive(document: object, how: How): Promise<Record<string, unknown>>;
    verify(
      document: object,
      how: How,
    ): Promise<{ verified: boolean; error?: { message: string; errors?: { message: string }[] } }>;
    purposes: { AssertionProofPurpose: new () => object };
  };
  export default jsigs;
}

declare module '@digitalbazaar/bls12-381-multikey' {
  export const ALGORITHMS: { BBS_BLS12381_SHA256: string };
  export function generateBbsKeyPair(input: { algorithm: string; seed?: Uint8Array }): Promise<{
    id: string;
    controller: string;
    export(input: { publicKey: true }): Promise<{ publicKeyMultibase: string }>;
    signer(): object;
  }>;
}
