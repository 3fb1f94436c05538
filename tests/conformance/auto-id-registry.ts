/** The registry of identities: certificates, signed actions, calls, and its state after them. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { expandMiniSecret, publicKeyOf, verifySignature as verifySr25519 } from '../../src/crypto/sr25519.ts';
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
import { decodeCertificate } from '../../src/identity/certificate.ts';
import { signDomainExtrinsic, type DomainAccount } from '../../src/identity/extrinsic.ts';
import { autoIdOf } from '../../src/identity/identifier.ts';
import { signDer, signatureAlgorithmOf } from '../../src/identity/keys.ts';
import { importPrivateKey } from '../../src/identity/private-key.ts';
import { Registry } from '../../src/identity/registry.ts';
import { verifySignature } from '../../src/identity/signature.ts';
import { equal, fromHex, toHex } from '../../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import {
  encodeExtra,
  encodeImplicit,
  extrinsicHash,
  readEra,
  signingPayload,
} from '../../src/protocol/extrinsic.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import { decodeAll } from '../../src/protocol/scale.ts';
import { bytes, hex, nullable, type AutoIdFile } from './auto-id-recordings.ts';
import { casesOf, expectFacts, expectSame, type Recorded } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';

export function metaCases(file: AutoIdFile): ConformanceCase[] {
  return [
    {
      name: 'pallet and storage prefixes',
      rule: 'auto-id-storage',
      run: () =>
        expectFacts(file.meta, {
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

export function certificateCases(file: AutoIdFile): ConformanceCase[] {
  return casesOf(
    file.certificates,
    ({ name }) => ({ name: `certificate ${name}`, rule: 'auto-id-certificate' }),
    async (record) => {
      const { tbs, signatureAlgorithm, signature } = decodeCertificate(bytes(record.certificate_der));
      const issuer = nullable(record.issuer_auto_id);
      expectFacts(record, {
        auto_id: hex(autoIdOf(tbs.commonName, issuer)),
        not_before_ms: tbs.notBefore,
        not_after_ms: tbs.notAfter,
        serial_hex: `0x${tbs.serial.toString(16)}`,
        signature: hex(signature),
        signature_algorithm_der: hex(signatureAlgorithm),
        subject_common_name_hex: hex(tbs.commonName),
        subject_public_key_info_der: hex(tbs.publicKeyInfo),
        tbs_der: hex(tbs.raw),
      });
      expectSame('is it a root', issuer === null, record.role === 'root');
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

export function actionCases(file: AutoIdFile): ConformanceCase[] {
  return casesOf(
    file.actions,
    ({ name }) => ({ name: `action ${name}`, rule: 'auto-id-action' }),
    async (record) => {
      const id = fromHex(record.auto_id, 32);
      const call = decodeCall(bytes(record.call_scale));
      if (call.kind !== 'revoke' && call.kind !== 'deactivate') throw new Error(`a ${call.kind} call`);
      const certificateOf = (autoId: string | null | undefined) => {
        const found = file.certificates.find((one) => one.auto_id === autoId);
        if (found === undefined) throw new Error(`no certificate of ${autoId} is recorded`);
        return found;
      };
      const own = certificateOf(record.auto_id);
      if (record.signer !== 'self' && record.signer !== 'issuer')
        throw new Error(`nobody is meant by the signer ${record.signer}`);
      const signer = record.signer === 'self' ? own : certificateOf(own.issuer_auto_id);
      const payload = actionPayload(id, BigInt(record.nonce), call.kind);
      const algorithm = bytes(record.signature_algorithm_der);
      const { publicKeyInfo } = decodeCertificate(bytes(signer.certificate_der)).tbs;
      expectFacts(record, {
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

export function scenarioCases(file: AutoIdFile): ConformanceCase[] {
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
        expectFacts(step as unknown as Recorded, {
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

/** The account of a recorded extrinsic. Signatures of sr25519 are random: the recorded one has to hold. */
function accountOf({ scheme, signature }: AutoIdFile['extrinsics'][number], seed: Uint8Array): DomainAccount {
  if (scheme === 'ed25519') {
    return { scheme, publicKey: ed25519.getPublicKey(seed), sign: (data) => ed25519.sign(data, seed) };
  }
  if (scheme !== 'sr25519') throw new Error(`no account signs by ${scheme}`);
  const publicKey = publicKeyOf(expandMiniSecret(seed));
  const sign = (data: Uint8Array): Uint8Array => {
    const recorded = bytes(signature);
    expectSame('holds', verifySr25519(publicKey, EXTRINSIC_SIGNING_CONTEXT, data, recorded), true);
    return recorded;
  };
  return { scheme, publicKey, sign };
}

export function extrinsicCases(file: AutoIdFile): ConformanceCase[] {
  return casesOf(
    file.extrinsics,
    ({ name }) => ({ name: `extrinsic ${name}`, rule: 'auto-id-extrinsic' }),
    async (record) => {
      await loadWasm();
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
      const account = accountOf(record, seed);
      const extrinsic = signDomainExtrinsic(account, call, extra, implicit);
      const explicit = encodeExtra(extra);
      expectFacts(record, {
        account_public: hex(account.publicKey),
        call_scale: hex(encodeCall(decodeCall(call))),
        extra: hex(explicit),
        implicit: hex(encodeImplicit(implicit)),
        payload_len: call.length + explicit.length + 72,
        signed_message: hex(message),
        scheme: account.scheme,
        signature: hex(account.sign(message)),
        extrinsic: hex(extrinsic),
        extrinsic_hash: hex(extrinsicHash(extrinsic)),
      });
    },
  );
}
