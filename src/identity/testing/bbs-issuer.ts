/** An issuer of W3C credentials with `bbs-2023` proofs, for tests. */
import { createSignCryptosuite } from '@digitalbazaar/bbs-2023-cryptosuite';
import { ALGORITHMS, generateBbsKeyPair } from '@digitalbazaar/bls12-381-multikey';
import { DataIntegrityProof } from '@digitalbazaar/data-integrity';
import jsigs from 'jsonld-signatures';
import credentialsV2 from '../contexts/credentials-v2.json' with { type: 'json' };
import type { Json } from './w3c-issuer.ts';

const CREDENTIALS = 'https://www.w3.org/ns/credentials/v2';
const VOCABULARY = 'https://school.example/words#';

export interface BbsIssuer {
  did: string;
  /** A credential as it is given to its holder; `undefined` takes members out. */
  issue(withMembers?: Json, mandatory?: readonly string[]): Promise<string>;
}

/** An issuer by its seed (32 bytes). */
export async function bbsIssuer(seed: Uint8Array): Promise<BbsIssuer> {
  const pair = await generateBbsKeyPair({ algorithm: ALGORITHMS.BBS_BLS12381_SHA256, seed });
  const { publicKeyMultibase } = await pair.export({ publicKey: true });
  const did = `did:key:${publicKeyMultibase}`;
  Object.assign(pair, { id: `${did}#${publicKeyMultibase}`, controller: did });
  return {
    did,
    issue: async (withMembers = {}, mandatory = ['/issuer', '/validUntil']) => {
      const document = {
        '@context': [CREDENTIALS, { '@vocab': VOCABULARY }],
        type: ['VerifiableCredential', 'AlumniCredential'],
        issuer: did,
        validFrom: '2029-01-01T00:00:00Z',
        validUntil: '2031-01-01T00:00:00Z',
        credentialSubject: { alumniOf: 'The School', degree: { subject: 'Physics', year: 2028 } },
        ...withMembers,
      };
      const cryptosuite = createSignCryptosuite({ mandatoryPointers: mandatory });
      const signed = await jsigs.sign(JSON.parse(JSON.stringify(document)) as object, {
        suite: new DataIntegrityProof({ cryptosuite, signer: pair.signer(), date: '2029-12-31T10:00:00Z' }),
        purpose: new jsigs.purposes.AssertionProofPurpose(),
        documentLoader: async (url) => ({
          contextUrl: null,
          documentUrl: url,
          document: url === CREDENTIALS ? credentialsV2 : { '@context': {} },
        }),
      });
      return JSON.stringify(signed);
    },
  };
}
