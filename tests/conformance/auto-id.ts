/** The Auto ID registry, its certificates and calls, and the wallet's own formats. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { loadWasm } from '../../src/crypto/wasm.ts';
import {
  actionPayload,
  AUTO_ID_ERRORS,
  AUTO_ID_PALLET,
  AUTO_IDS_PREFIX,
  decodeCall,
  decodeEntry,
  decodeSerials,
  encodeCall,
  encodeEntry,
  encodeSerials,
  REVOCATIONS_PREFIX,
  type AutoIdCall,
} from '../../src/identity/calls.ts';
import { checkCapability, decodeCapability, type CapabilityRequest } from '../../src/identity/capability.ts';
import { decodeCertificate } from '../../src/identity/certificate.ts';
import { keyIdOf } from '../../src/identity/did.ts';
import { signDomainExtrinsic } from '../../src/identity/extrinsic.ts';
import { autoIdOf } from '../../src/identity/identifier.ts';
import { importPrivateKey } from '../../src/identity/private-key.ts';
import { ed25519Key, jwkOf, signDer, signatureAlgorithmOf, type Jwk } from '../../src/identity/keys.ts';
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
import { Registry } from '../../src/identity/registry.ts';
import { computeScore, POLICY_V1, type Evidence } from '../../src/identity/score.ts';
import { disclosableClaims, presentSdJwt, requireIssued, verifySdJwt } from '../../src/identity/sd-jwt.ts';
import { verifySignature } from '../../src/identity/signature.ts';
import { equal, fromHex, toHex, toPrefixedHex, utf8 } from '../../src/protocol/bytes.ts';
import {
  encodeExtra,
  encodeImplicit,
  extrinsicHash,
  readEra,
  signingPayload,
} from '../../src/protocol/extrinsic.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import { decodeAll } from '../../src/protocol/scale.ts';
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
  type SlotHeader,
} from '../../src/wallet/sealing.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import { Refusal } from '../../src/wallet/errors.ts';
import {
  casesOf,
  expectFacts,
  expectSame,
  fromJson,
  noteUnchecked,
  type Recorded,
  refusal,
} from './protocol-support.ts';
import type { ConformanceCase, ConformanceSuite } from './types.ts';

interface Step {
  desc: string;
  call_scale: string;
  expect: string;
  expect_events: string[];
  expect_storage: Record<string, string>;
  now_ms: number;
}

interface CertificateRecord extends Recorded {
  name: string;
  key_alg: string;
  role: string;
  auto_id: string;
  issuer_auto_id: string | null;
  private_key_pkcs8_der: string;
  certificate_der: string;
  tbs_der: string;
}

interface ActionRecord extends Recorded {
  name: string;
  auto_id: string;
  nonce: number;
  signer: string;
  call_scale: string;
  signature: string;
  signature_algorithm_der: string;
}

interface ExtrinsicRecord extends Recorded {
  name: string;
  account_seed: string;
  call_scale: string;
  era: string;
  era_block_hash: string;
  genesis_hash: string;
  nonce: number;
  tip: string;
  spec_version: number;
  transaction_version: number;
}

interface AutoIdFile {
  meta: Recorded & { storage_prefix: Record<string, string> };
  identifiers: (Recorded & { common_name_hex: string; issuer: string | null })[];
  certificates: CertificateRecord[];
  actions: ActionRecord[];
  scenarios: { name: string; steps: Step[] }[];
  extrinsics: ExtrinsicRecord[];
  auto_score_v1: {
    cases: { name: string; evidence: Evidence[]; now: number; expect: unknown }[];
    policy: unknown;
    group_caps_ppm: unknown;
  };
  auto_capability_v1: {
    cases: {
      name: string;
      chain: string[];
      expect: string;
      holder: string;
      now: number;
      request: CapabilityRequest;
      revoked_dids: string[];
      root_authority: string;
    }[];
    keys_ed25519_raw_b64url: Record<string, string>;
  };
  wallet_v1: WalletRecords;
}

interface KeystoreRecord extends Recorded {
  header: SlotHeader;
  dek: string;
  kek: string;
  nonce: string;
  password: string;
  record_aad: string;
  record_nonce: string;
  record_ciphertext: string;
  record_plaintext: string;
  wrapped_dek: string;
}

interface WalletRecords {
  keys: (Recorded & {
    name: string;
    mnemonic: string;
    passphrase: string;
    accounts: (Recorded & { path: string })[];
    derived: (Recorded & { info: string })[];
  })[];
  keystore: KeystoreRecord[];
  prf: Recorded & {
    header: SlotHeader;
    prf_output: string;
    dek: string;
    nonce: string;
    prf_eval_first_label: string;
  };
  provenance: (Recorded & { content: string; cose_sign1: string; signer_public: string })[];
  sd_jwt_vc: {
    cases: { name: string; presentation: string; expect: 'ok' | 'reject'; payload?: Recorded }[];
    disclosures: Record<string, string>;
    holder_jwk: Jwk;
    issuer_jwk: Jwk;
    issuer_did: string;
    issued: string;
    verify: { aud: string; nonce: string; now: number; max_kb_age_s: number };
  };
}

const bytes = (hex: string): Uint8Array => fromHex(hex);
const nullable = (hex: string | null): Uint8Array | null => (hex === null ? null : fromHex(hex, 32));
/** Bytes as the recordings write them. */
const hex = toPrefixedHex;

function metaCases(file: AutoIdFile): ConformanceCase[] {
  return [
    {
      name: 'pallet and storage prefixes',
      rule: 'auto-id-storage',
      run: () =>
        expectFacts(file.meta, ['checked_against', 'note', 'now_ms'], {
          pallet: 'AutoId',
          pallet_index: AUTO_ID_PALLET,
          hasher: 'Identity',
          nonce: 'U256 little-endian',
          storage_prefix: {
            AutoIds: hex(AUTO_IDS_PREFIX),
            CertificateRevocationList: hex(REVOCATIONS_PREFIX),
          },
        }),
    },
  ];
}

function certificateCases(file: AutoIdFile): ConformanceCase[] {
  return casesOf(
    file.certificates,
    ({ name }) => ({ name: `certificate ${name}`, rule: 'auto-id-certificate' }),
    async (record) => {
      const { tbs, signatureAlgorithm, signature } = decodeCertificate(bytes(record.certificate_der));
      const issuer = nullable(record.issuer_auto_id);
      expectFacts(record, ['name', 'certificate_der', 'issuer_auto_id', 'private_key_pkcs8_der', 'key_alg'], {
        auto_id: hex(autoIdOf(tbs.commonName, issuer)),
        role: issuer === null ? 'root' : 'leaf',
        not_before_ms: tbs.notBefore,
        not_after_ms: tbs.notAfter,
        serial_hex: `0x${tbs.serial.toString(16)}`,
        signature: hex(signature),
        signature_algorithm_der: hex(signatureAlgorithm),
        subject_common_name_hex: hex(tbs.commonName),
        subject_public_key_info_der: hex(tbs.publicKeyInfo),
        tbs_der: hex(tbs.raw),
      });
      const key = await importPrivateKey(bytes(record.private_key_pkcs8_der));
      expectSame('key of the certificate', key.publicKeyInfo, toHex(tbs.publicKeyInfo));
      expectSame('kind of key', key.algorithm, record.key_alg.replace(/^rsa\d+$/, 'rsa'));
      const parents =
        issuer === null
          ? [tbs.publicKeyInfo]
          : file.certificates
              .filter((other) => other.auto_id === record.issuer_auto_id)
              .map((other) => decodeCertificate(bytes(other.certificate_der)).tbs.publicKeyInfo);
      if (parents.length === 0) throw new Error('the issuer is not among the certificates');
      const holds = (data: Uint8Array) =>
        parents.some((parent) => verifySignature(parent, signatureAlgorithm, data, signature));
      expectSame('signature holds', holds(tbs.raw), true);
      const changed = tbs.raw.slice();
      changed[changed.length >> 1]! ^= 1;
      expectSame('signature over a changed certificate holds', holds(changed), false);
      // Ed25519 and RSA signatures are reproducible; the recorded key signs its own root.
      if (issuer === null && equal(signatureAlgorithm, signatureAlgorithmOf(key.algorithm))) {
        const made = await signDer(key, tbs.raw);
        if (key.algorithm === 'ed25519' || key.algorithm === 'rsa')
          expectSame('signature', made, toHex(signature));
        expectSame(
          'own signature',
          verifySignature(tbs.publicKeyInfo, signatureAlgorithm, tbs.raw, made),
          true,
        );
      }
    },
  );
}

function actionCases(file: AutoIdFile): ConformanceCase[] {
  return casesOf(
    file.actions,
    ({ name }) => ({ name: `action ${name}`, rule: 'auto-id-action' }),
    async (record) => {
      const id = fromHex(record.auto_id, 32);
      const call = decodeCall(bytes(record.call_scale));
      if (call.kind !== 'revoke' && call.kind !== 'deactivate') throw new Error(`a ${call.kind} call`);
      const own = file.certificates.find((one) => one.auto_id === record.auto_id)!;
      if (record.signer !== 'self' && record.signer !== 'issuer')
        throw new Error(`nobody is meant by the signer ${record.signer}`);
      const signer =
        record.signer === 'self' ? own : file.certificates.find((one) => one.auto_id === own.issuer_auto_id)!;
      const payload = actionPayload(id, BigInt(record.nonce), call.kind);
      const algorithm = bytes(record.signature_algorithm_der);
      const { publicKeyInfo } = decodeCertificate(bytes(signer.certificate_der)).tbs;
      expectFacts(record, ['name', 'nonce', 'auto_id', 'signer'], {
        payload: hex(payload),
        call_scale: hex(encodeCall(call)),
        nonce_of: call.kind === 'deactivate' || record.signer === 'self' ? 'self' : 'issuer',
        signature: hex(call.proof.signature),
        signature_algorithm_der: hex(call.proof.signatureAlgorithm),
      });
      expectSame('identifier of the call', call.id, toHex(id));
      expectSame('holds', verifySignature(publicKeyInfo, algorithm, payload, bytes(record.signature)), true);
      const key = await importPrivateKey(bytes(signer.private_key_pkcs8_der));
      const made = await signDer(key, payload);
      if (key.algorithm === 'ed25519' || key.algorithm === 'rsa')
        expectSame('signature', hex(made), record.signature);
      expectSame('own signature holds', verifySignature(publicKeyInfo, algorithm, payload, made), true);
    },
  );
}

function withPrefixes(content: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(content).map(([key, value]) => [`0x${key}`, `0x${value}`]));
}

function checkStored(content: Record<string, string>): void {
  for (const [key, value] of Object.entries(content)) {
    const isEntry = equal(bytes(key).subarray(0, 32), AUTO_IDS_PREFIX);
    const again = isEntry
      ? encodeEntry(decodeEntry(bytes(value)))
      : encodeSerials(decodeSerials(bytes(value)));
    expectSame('stored value, decoded and encoded again', hex(again), value);
  }
}

function scenarioCases(file: AutoIdFile): ConformanceCase[] {
  return file.scenarios.flatMap(({ name, steps }) => {
    const registry = new Registry();
    return casesOf(
      steps,
      ({ desc }) => ({ name: `${name}: ${desc}`, rule: 'auto-id-registry' }),
      (step) => {
        const callBytes = bytes(step.call_scale);
        const call: AutoIdCall = decodeCall(callBytes);
        const before = registry.storage();
        const predicted = registry.predict(call, step.now_ms);
        expectSame('storage after a prediction', registry.storage(), before);
        const outcome = registry.dispatch(call, step.now_ms);
        const said = outcome.ok ? 'Ok' : outcome.error;
        expectSame('prediction', predicted.ok ? 'Ok' : predicted.error, said);
        if (!outcome.ok && !AUTO_ID_ERRORS.includes(outcome.error)) throw new Error(`${said} has no index`);
        expectFacts(step as unknown as Recorded, ['desc', 'now_ms'], {
          call_scale: hex(encodeCall(call)),
          call_blake2_256: hex(blake2b256(callBytes)),
          expect: said,
          expect_events: outcome.ok ? [hex(outcome.eventBytes)] : [],
          expect_storage: withPrefixes(registry.storage()),
        });
        checkStored(step.expect_storage);
        expectSame(
          'storage read back',
          withPrefixes(Registry.fromStorage(registry.storage()).storage()),
          step.expect_storage,
        );
      },
    );
  });
}

function extrinsicCases(file: AutoIdFile): ConformanceCase[] {
  return casesOf(
    file.extrinsics,
    ({ name }) => ({ name: `extrinsic ${name}`, rule: 'auto-id-extrinsic' }),
    (record) => {
      const seed = bytes(record.account_seed);
      const call = bytes(record.call_scale);
      const extra = {
        era: decodeAll(bytes(record.era), 'era', readEra),
        nonce: BigInt(record.nonce),
        tip: BigInt(record.tip),
      };
      const implicit = {
        specVersion: record.spec_version,
        transactionVersion: record.transaction_version,
        genesisHash: bytes(record.genesis_hash),
        eraBirthHash: bytes(record.era_block_hash),
      };
      const message = signingPayload(call, extra, implicit);
      const account = {
        scheme: 'ed25519' as const,
        publicKey: ed25519.getPublicKey(seed),
        sign: (data: Uint8Array) => ed25519.sign(data, seed),
      };
      const extrinsic = signDomainExtrinsic(account, call, extra, implicit);
      const explicit = encodeExtra(extra);
      expectFacts(
        record,
        [
          'name',
          'account_seed',
          'era',
          'era_block_hash',
          'genesis_hash',
          'nonce',
          'tip',
          'spec_version',
          'transaction_version',
        ],
        {
          account_public: hex(account.publicKey),
          call_scale: hex(encodeCall(decodeCall(call))),
          extra: hex(explicit),
          implicit: hex(encodeImplicit(implicit)),
          payload_len: call.length + explicit.length + 72,
          signed_message: hex(message),
          scheme: 'ed25519',
          signature: hex(account.sign(message)),
          extrinsic: hex(extrinsic),
          extrinsic_hash: hex(extrinsicHash(extrinsic)),
        },
      );
    },
  );
}

function scoreCases({ auto_score_v1: file }: AutoIdFile): ConformanceCase[] {
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

function capabilityCases({ auto_capability_v1: file }: AutoIdFile): ConformanceCase[] {
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

function keyCases({ wallet_v1: { keys } }: AutoIdFile): ConformanceCase[] {
  return casesOf(
    keys,
    ({ name }) => ({ name: `keys of ${name}`, rule: 'wallet-keys' }),
    async (record) => {
      await loadWasm();
      const phrase = normalisedPhrase(record.mnemonic);
      const mini = phraseMiniSecret(phrase, record.passphrase);
      const seed = phraseSeed(phrase, record.passphrase);
      expectFacts(record, ['name', 'passphrase', 'accounts', 'derived'], {
        mnemonic: phrase,
        entropy: hex(phraseEntropy(phrase)),
        bip39_seed: hex(seed),
        substrate_mini_secret: hex(mini),
      });
      for (const account of record.accounts) {
        const { publicKey } = accountKey(mini, account.path);
        expectFacts(account, ['path'], {
          sr25519_public: hex(publicKey),
          ss58_6094: encodeAddress(publicKey, 6094),
        });
      }
      for (const one of record.derived) expectFacts(one, ['info'], derivedKey(seed, one.info));
    },
  );
}

function keystoreCases({ wallet_v1: { keystore, prf } }: AutoIdFile): ConformanceCase[] {
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
      expectFacts(record, ['header', 'password', 'nonce', 'record_nonce'], {
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
      expectFacts(record, ['header', 'nonce', 'prf_output', 'prf_eval_first_label'], {
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

function provenanceCases({ wallet_v1: { provenance } }: AutoIdFile): ConformanceCase[] {
  return casesOf(
    provenance,
    (_, index) => ({ name: `provenance statement ${index}`, rule: 'provenance' }),
    (record) => {
      const signed = decodeStatement(bytes(record.cose_sign1));
      const { protectedBytes, payload, signature, statement, algorithm } = signed;
      const key = jwkOf(ed25519PublicInfo(bytes(record.signer_public)));
      expectFacts(record, ['content', 'signer_public'], {
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

function credentialCases({ wallet_v1: { sd_jwt_vc: file } }: AutoIdFile): ConformanceCase[] {
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
      async ({ presentation, expect, payload, ...rest }) => {
        noteUnchecked(rest, ['name']);
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
        const { x: _, ...curve } = file.issuer_jwk as Jwk & { x: string };
        expectSame('curve', { kty: 'OKP', crv: 'Ed25519' }, curve);
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

export const autoId: ConformanceSuite = {
  files: [/^auto-id\.json$/],
  cases: (ctx, files) =>
    fromJson<AutoIdFile>(ctx, files, 'auto-id.json', (file) => [
      ...metaCases(file),
      ...casesOf(
        file.identifiers,
        (_, index) => ({ name: `identifier ${index}`, rule: 'auto-id-identifier' }),
        (record) =>
          expectFacts(record, ['common_name_hex', 'issuer', 'source'], {
            auto_id: hex(autoIdOf(bytes(record.common_name_hex), nullable(record.issuer))),
          }),
      ),
      ...certificateCases(file),
      ...actionCases(file),
      ...scenarioCases(file),
      ...extrinsicCases(file),
      ...scoreCases(file),
      ...capabilityCases(file),
      ...keyCases(file),
      ...keystoreCases(file),
      ...provenanceCases(file),
      ...credentialCases(file),
    ]),
};
