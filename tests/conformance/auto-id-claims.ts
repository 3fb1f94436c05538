/** What is said with an identity: scores, capabilities, statements about content, credentials. */
import { checkCapability, decodeCapability } from '../../src/identity/capability.ts';
import { keyIdOf } from '../../src/identity/did.ts';
import { ed25519Key, jwkOf, type Jwk } from '../../src/identity/keys.ts';
import {
  decodeStatement,
  encodeProvenance,
  encodeStatement,
  protectedHeader,
  signatureStructure,
  statementHolds,
  statementId,
  verifyProvenance,
} from '../../src/identity/provenance.ts';
import { computeScore, POLICY_V1 } from '../../src/identity/score.ts';
import { disclosableClaims, presentSdJwt, requireIssued, verifySdJwt } from '../../src/identity/sd-jwt.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import { Refusal } from '../../src/wallet/errors.ts';
import { bytes, hex, type AutoIdFile } from './auto-id-recordings.ts';
import { casesOf, expectFacts, expectSame, refusal } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';

export function scoreCases({ auto_score_v1: file }: AutoIdFile): ConformanceCase[] {
  return [
    {
      name: 'policy',
      rule: 'auto-score',
      run: () => {
        expectSame('policy', POLICY_V1.types, file.policy);
        expectSame('caps', POLICY_V1.group_caps_ppm, file.group_caps_ppm);
      },
    },
    ...casesOf(
      file.cases,
      ({ name }) => ({ name: `score ${name}`, rule: 'auto-score' }),
      ({ evidence, now, expect }) => {
        expectSame('score', computeScore(evidence, now), expect);
        expectSame(
          'score of the evidence in another order',
          computeScore(evidence.toReversed(), now),
          expect,
        );
      },
    ),
  ];
}

export function capabilityCases({ auto_capability_v1: file }: AutoIdFile): ConformanceCase[] {
  const keyOf = (did: string): Jwk | null => {
    const x = file.keys_ed25519_raw_b64url[did];
    return x === undefined ? null : { kty: 'OKP', crv: 'Ed25519', x };
  };
  return casesOf(
    file.cases,
    ({ name }) => ({ name: `capability ${name}`, rule: 'auto-capability' }),
    (record) => {
      const verdict = checkCapability({
        chain: record.chain,
        holder: record.holder,
        rootAuthority: record.root_authority,
        request: record.request,
        now: record.now,
        revokedDids: new Set(record.revoked_dids),
        keyOf,
      });
      expectSame('verdict', verdict, record.expect);
      for (const token of record.chain) decodeCapability(token);
    },
  );
}

export function provenanceCases({ wallet_v1: { provenance } }: AutoIdFile): ConformanceCase[] {
  return casesOf(
    provenance,
    (_, index) => ({ name: `provenance statement ${index}`, rule: 'provenance' }),
    (record) => {
      const signed = decodeStatement(bytes(record.cose_sign1));
      const { protectedBytes, payload, signature, statement, algorithm } = signed;
      const key = jwkOf(ed25519PublicInfo(bytes(record.signer_public)));
      expectFacts(record, {
        cose_sign1: hex(encodeStatement(protectedBytes, payload, signature)),
        protected: hex(protectedHeader(algorithm, statement.did)),
        sig_structure: hex(signatureStructure(protectedBytes, payload)),
        signature: hex(signature),
        statement_cbor: hex(encodeProvenance(statement)),
        statement_id: hex(statementId(payload)),
      });
      expectSame('signature holds', statementHolds(signed, key), true);
      const content = bytes(record.content);
      verifyProvenance(bytes(record.cose_sign1), content, () => key);
      const changed = content.slice();
      changed[0]! ^= 1;
      const refused = refusalOf(() => verifyProvenance(bytes(record.cose_sign1), changed, () => key));
      expectSame('changed content', refused, 'content');
    },
  );
}

function ed25519PublicInfo(key: Uint8Array): Uint8Array {
  return new Uint8Array([...fromHex('302a300506032b6570032100'), ...key]);
}

function refusalOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

export function credentialCases({ wallet_v1: { sd_jwt_vc: file } }: AutoIdFile): ConformanceCase[] {
  const { aud, nonce, now, max_kb_age_s } = file.verify;
  const issuerKey = (issuer: string, header: { kid?: string | undefined }) =>
    issuer === file.issuer_did && header.kid === keyIdOf(issuer) ? file.issuer_jwk : null;
  const check = (presentation: string) =>
    verifySdJwt({
      presentation,
      now,
      issuerKey,
      keyBinding: { nonce, audience: aud, maxAgeSeconds: max_kb_age_s },
    });
  return [
    ...casesOf(
      file.cases,
      ({ name }) => ({ name: `credential ${name}`, rule: 'sd-jwt-vc' }),
      async ({ presentation, expect, payload }) => {
        const refused = await refusal(() => check(presentation));
        if (refused !== null && !(refused instanceof DecodeError) && !(refused instanceof Refusal))
          throw refused;
        expectSame('verdict', refused === null ? 'ok' : 'reject', expect);
        expectSame('claims', refused === null ? check(presentation).claims : null, payload ?? null);
      },
    ),
    {
      name: 'disclosures of the issued credential',
      rule: 'sd-jwt-vc',
      run: async () => {
        requireIssued(file.issued);
        expectFacts({ ...file.issuer_jwk }, { kty: 'OKP', crv: 'Ed25519' });
        const { claims, disclosable } = disclosableClaims(file.issued);
        const found = disclosable.map(({ path, encoded }): [string, string] => [path.join('.'), encoded]);
        expectSame('disclosures', Object.fromEntries(found), file.disclosures);
        expectSame('holder', claims.cnf?.jwk, file.holder_jwk);
        const shown = await presentSdJwt(file.issued, [], { key: null, nonce, audience: aud, now });
        const result = verifySdJwt({ presentation: shown, now, issuerKey, keyBinding: null });
        expectSame('nothing shown', result.disclosed, []);
        // A presentation bound by another key than the credential's is refused.
        const stranger = ed25519Key(new Uint8Array(32).fill(7));
        const bound = await presentSdJwt(file.issued, [], { key: stranger, nonce, audience: aud, now });
        if ((await refusal(() => check(bound))) === null) throw new Error('a stranger’s key binding holds');
      },
    },
  ];
}
