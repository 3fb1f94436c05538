/** The recorded file of identities, as its cases share it. */
import type { CapabilityRequest } from '../../src/identity/capability.ts';
import type { Jwk } from '../../src/identity/keys.ts';
import type { Evidence } from '../../src/identity/score.ts';
import { fromHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import type { SlotHeader } from '../../src/wallet/sealing.ts';
import type { Recorded } from './protocol-support.ts';

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
  issuer_auto_id?: string | null;
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
  scheme: string;
  signature: string;
  call_scale: string;
  era: string;
  era_block_hash: string;
  genesis_hash: string;
  nonce: number;
  tip: string;
  spec_version: number;
  transaction_version: number;
}

export interface AutoIdFile {
  meta: Recorded & { storage_prefix: Record<string, string> };
  identifiers: (Recorded & { common_name_hex: string; issuer?: string | null })[];
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

export const bytes = (hex: string): Uint8Array => fromHex(hex);

/** An identifier that may be null or left out. */
export const nullable = (hex: string | null | undefined): Uint8Array | null =>
  typeof hex === 'string' ? fromHex(hex, 32) : null;

/** Bytes as the recordings write them. */
export const hex = toPrefixedHex;
