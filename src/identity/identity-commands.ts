/** Commands of identities: make, ask for, issue, renew, revoke, import, export, judge. */
import { equal, toHex, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, toBase64Url } from '../wallet/json.ts';
import type { DerivedKind } from '../wallet/service.ts';
import {
  actionPayload,
  CALL_SENTENCES,
  type AutoIdCall,
  type AutoIdError,
  type CertificateAction,
} from './calls.ts';
import { alternativeUris, basicConstraints, commonNameText, keyUsage } from './certificate.ts';
import { chainOf, chainToPem, orderChain, readChain, subjectOf, type Chain } from './chain.ts';
import {
  idOfDid,
  serialOf,
  storedChain,
  type CallQuote,
  type Consultation,
  type IdentityContext,
  type IdentityRecord,
  type KeySource,
  type OwnIdentity,
} from './context.ts';
import { didDocument, formatDid, parseDid, type DidDocument } from './did.ts';
import { autoIdOf } from './identifier.ts';
import {
  AUTHORITY_USAGES,
  decodeRequest,
  issueCertificate,
  keySuffix,
  LEAF_USAGES,
  SIGNING_PURPOSES,
  MAX_COMMON_NAME,
  requestCertificate,
} from './issue.ts';
import { keyFingerprint, signatureAlgorithmOf, signDer } from './keys.ts';
import { decodePem, encodePem } from './pem.ts';
import { decryptPkcs8, ecPkcs8, ed25519Pkcs8, importPrivateKey } from './private-key.ts';
import { identifiersOf, VERDICT_SENTENCES, type Verdict, type VerdictCode } from './verdict.ts';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 730;
const MAX_DAYS = 36_500;
const ROOT_PATH_LENGTH = 2;
/** Clocks differ: certificates begin a little before they are made. */
const BACKDATE_MS = 300_000;
/** What a certificate that may not issue is for: signing, files among it. */
const LEAF = { usages: LEAF_USAGES, extendedUsages: SIGNING_PURPOSES } as const;

export interface IdentityView {
  did: string;
  name: string;
  /** Common name of the certificate, which the identifier is made of. */
  commonName: string;
  role: 'own' | 'other';
  kind: 'root' | 'leaf';
  /** Whether it may issue identities. */
  canIssue: boolean;
  keyKind: string;
  /** SHA-256 of the key, hex. */
  fingerprint: string;
  serial: string;
  issuer: string | null;
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  purpose: string | null;
  /** Whether the recovery phrase brings its key back. */
  recoverable: boolean;
  deactivated: boolean;
  issued: OwnIdentity['issued'];
}

export interface PendingView {
  id: string;
  name: string;
  purpose: string | null;
  fingerprint: string;
}

export interface VerdictView extends Verdict {
  /** What the strict verdict means. */
  sentence: string;
  /** Blocks and chain time of the registry's content, if there is a registry. */
  asOf: { block: number | null; consensusBlock: number | null; time: number; proven: boolean } | null;
  /** `none`: the network has no registry; `silent`: it could not be asked. */
  registry: Consultation['status'];
  /** Why it could not be asked, as a sentence. */
  reason: string | null;
  /** What every check says on the newest content, by a node's word; null if it was not told. */
  reported: VerdictCode | null;
  /** Block of the registry's domain that this is of. */
  reportedBlock: number | null;
  /** Whether whoever issued it is an identity of this wallet. */
  issuerIsOwn: boolean;
}

/** What would come of a call, or what came of it. */
export interface CallView {
  /** The registry's error, or null if it accepts. */
  refused: AutoIdError | null;
  /** What the error means. */
  sentence: string | null;
  /** Hash of the extrinsic that a block holds, or null if nothing was sent. */
  extrinsic: string | null;
  /** Block of the domain that holds it, by its node's word. */
  block: number | null;
  /** What it would cost, for a call that is not sent yet. */
  quote: CallQuote | null;
}

/** What was done in this wallet alone. */
const LOCAL: CallView = { refused: null, sentence: null, extrinsic: null, block: null, quote: null };

export interface RequestView {
  commonName: string;
  fingerprint: string;
  purpose: string | null;
}

export interface FileView {
  name: string;
  type: string;
  content: Uint8Array;
}

function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

function requireDays(days: number | undefined): number {
  const value = days ?? DEFAULT_DAYS;
  if (!Number.isInteger(value) || value < 1 || value > MAX_DAYS)
    throw new Refusal('validity', `${value} days`, 'Choose between a day and a hundred years.');
  return value;
}

/** A display name with the key's own digits behind it, so that nobody else can take the identifier first. */
function commonNameOf(name: string, publicKeyInfo: Uint8Array, bare: boolean): string {
  const trimmed = name.normalize('NFC').trim();
  const suffix = bare ? '' : keySuffix(publicKeyInfo);
  const whole = trimmed + suffix;
  if (trimmed === '' || Array.from(whole).length > MAX_COMMON_NAME) {
    const most = MAX_COMMON_NAME - suffix.length;
    throw new Refusal('common-name', 'empty or too long', `A name has 1 to ${most} characters.`);
  }
  return whole;
}

/** The commands, for one wallet and network. */
export function identityCommands(context: IdentityContext) {
  const view = (identity: Exclude<IdentityRecord, { role: 'pending' }>): IdentityView => {
    const chain = context.chainOf(identity);
    const { tbs } = subjectOf(chain);
    const own = identity.role === 'own' ? identity : null;
    const { authority } = basicConstraints(tbs);
    const signs = keyUsage(tbs)?.includes('keyCertSign') !== false;
    return {
      did: identity.did,
      name: identity.name,
      commonName: commonNameText(tbs),
      role: identity.role,
      kind: chain.length === 1 ? 'root' : 'leaf',
      canIssue: own !== null && authority && signs,
      keyKind: keyKindOf(chain),
      fingerprint: toHex(keyFingerprint(tbs.publicKeyInfo)),
      serial: serialOf(chain),
      issuer: context.issuerOf(chain),
      notBefore: tbs.notBefore,
      notAfter: tbs.notAfter,
      purpose: own?.purpose ?? null,
      recoverable: own !== null && !('record' in own.key),
      deactivated: own?.deactivated ?? false,
      issued: own?.issued ?? [],
    };
  };

  const refuseTaken = (did: string) => {
    const known = context.known(did);
    if (known !== null && known.role === 'own') {
      throw new Refusal(
        'identity-exists',
        did,
        known.deactivated
          ? 'You deactivated an identity of this name and key: old signatures could be replayed. Choose another name.'
          : 'You have this identity already.',
      );
    }
  };

  /** A name that is known with one key is not taken over by another. */
  const refuseOtherKey = (did: string, chain: Chain) => {
    const known = context.known(did);
    const key = subjectOf(chain).tbs.publicKeyInfo;
    if (known === null || equal(subjectOf(context.chainOf(known)).tbs.publicKeyInfo, key)) return;
    throw new Refusal(
      'identity-exists',
      'another key under the same identifier',
      'You know an identity of this name with another key. If it is really to be replaced, remove that one first.',
    );
  };

  const keep = async (chain: Chain, key: KeySource, name: string, purpose: string | null) => {
    const did = context.didOf(chain);
    refuseTaken(did);
    const identity: OwnIdentity = {
      role: 'own',
      did,
      name,
      key,
      chain: storedChain(chain),
      created: context.now(),
      purpose,
      issued: [],
      credentialsIssued: 0,
      deactivated: false,
    };
    await context.putIdentity(identity);
    return identity;
  };

  /** Runs a call against the registry's newest content, and sends it only if it would be accepted. */
  const send = async (
    call: AutoIdCall,
    ids: readonly Uint8Array[],
    did: string,
    dry: boolean,
  ): Promise<CallView> => {
    const seen = await context.latest(ids, did);
    if (seen === null || context.registry === null) {
      throw new Refusal(
        'no-registry',
        'the network has no Auto ID domain',
        'This network has no registry of identities: yours works without, but nobody can look it up.',
      );
    }
    const outcome = seen.registry.predict(call, seen.time);
    if (!outcome.ok) return { ...LOCAL, refused: outcome.error, sentence: CALL_SENTENCES[outcome.error] };
    if (dry) return { ...LOCAL, quote: await context.registry.quote(call) };
    return { ...LOCAL, ...(await context.registry.submit(call, ids)) };
  };

  const signedPart = (chain: Chain) => {
    const { tbs, signatureAlgorithm, signature } = subjectOf(chain);
    return { certificate: tbs.raw, signatureAlgorithm, signature };
  };

  const act = async (
    target: Uint8Array,
    did: string,
    signer: OwnIdentity,
    signerId: Uint8Array,
    action: CertificateAction,
    dry: boolean,
  ): Promise<CallView> => {
    const seen = await context.latest([target, signerId], did);
    const nonce = seen?.registry.entry(signerId)?.nonce ?? 0n;
    const key = await context.signingKey(signer.key);
    const signature = await signDer(key, actionPayload(target, nonce, action));
    const proof = { signatureAlgorithm: signatureAlgorithmOf(key.algorithm), signature };
    return send({ kind: action, id: target, proof }, [target, signerId], did, dry);
  };

  return {
    /** Every identity known to the wallet, one's own first. */
    async identities(): Promise<IdentityView[]> {
      const all = context.identities().flatMap(({ value }) => (value.role === 'pending' ? [] : [value]));
      return all
        .sort((a, b) => (a.role === b.role ? a.created - b.created : a.role === 'own' ? -1 : 1))
        .map(view);
    },

    /** Requests that wait for their certificate. */
    async pendingIdentities(): Promise<PendingView[]> {
      return context.identities().flatMap(({ id, value }) =>
        value.role === 'pending'
          ? [
              {
                id,
                name: value.name,
                purpose: value.purpose,
                fingerprint: toHex(keyFingerprint(fromBase64Url(value.publicKeyInfo, 'public-key-info'))),
              },
            ]
          : [],
      );
    },

    /** Makes an identity of one's own, signed by itself. A bare name can be taken by anyone first. */
    async createIdentity(input: {
      name: string;
      bareName?: boolean;
      key?: DerivedKind;
      days?: number;
    }): Promise<IdentityView> {
      const days = requireDays(input.days);
      const source = await context.nextKey(input.key === 'p256' ? 'p256' : 'ed25519');
      const key = await context.signingKey(source);
      const commonName = commonNameOf(input.name, key.publicKeyInfo, input.bareName === true);
      const did = formatDid({ network: await context.networkNow(), id: autoIdOf(utf8(commonName), null) });
      refuseTaken(did);
      const now = wholeSecond(context.now());
      const der = await issueCertificate(key, {
        commonName,
        publicKeyInfo: key.publicKeyInfo,
        issuer: null,
        notBefore: now - BACKDATE_MS,
        notAfter: now + days * DAY_MS,
        did,
        authority: { pathLength: ROOT_PATH_LENGTH },
        usages: AUTHORITY_USAGES,
      });
      return view(await keep(chainOf([der]), source, input.name.trim(), null));
    },

    /** Asks for an identity that somebody else issues: a request to hand over, PEM. */
    async requestIdentity(input: {
      name: string;
      purpose?: string;
      key?: DerivedKind;
    }): Promise<RequestView & { request: string }> {
      const source = await context.nextKey(input.key === 'p256' ? 'p256' : 'ed25519');
      const key = await context.signingKey(source);
      const purpose = input.purpose?.trim() || null;
      const commonName = commonNameOf(input.name, key.publicKeyInfo, true);
      const der = await requestCertificate(key, commonName, purpose);
      const fingerprint = toHex(keyFingerprint(key.publicKeyInfo));
      await context.put(`pending-${fingerprint}`, 'certificate', {
        role: 'pending',
        name: commonName,
        key: source,
        publicKeyInfo: toBase64Url(key.publicKeyInfo),
        purpose,
        created: context.now(),
      } satisfies IdentityRecord);
      return { commonName, fingerprint, purpose, request: encodePem('CERTIFICATE REQUEST', der) };
    },

    /** What a request asks for, its signature checked. */
    async readRequest(input: { file: Uint8Array }): Promise<RequestView> {
      const { commonName, publicKeyInfo, purpose } = decodeRequest(requestDer(input.file));
      return { commonName, purpose, fingerprint: toHex(keyFingerprint(publicKeyInfo)) };
    },

    /** Issues the identity that a request asks for; returns the chain (PEM) to hand back. */
    async issueIdentity(input: {
      issuer: string;
      file: Uint8Array;
      days?: number;
      mayIssue?: boolean;
    }): Promise<{ did: string; chain: string }> {
      const request = decodeRequest(requestDer(input.file));
      const { chain } = await issueLeaf(context, input.issuer, {
        ...request,
        days: requireDays(input.days),
        mayIssue: input.mayIssue === true,
      });
      const did = context.didOf(chain);
      if (context.known(did) === null)
        await context.putIdentity({
          role: 'other',
          did,
          name: request.commonName,
          chain: storedChain(chain),
          created: context.now(),
        });
      return { did, chain: chainToPem(chain) };
    },

    /** Takes in the identity that was asked for. Throws Refusal `no-request` if its key is not one that waits. */
    async acceptIdentity(input: { file: Uint8Array }): Promise<IdentityView> {
      const chain = readChain(input.file);
      const spki = toBase64Url(subjectOf(chain).tbs.publicKeyInfo);
      const waiting = context
        .identities()
        .find(({ value }) => value.role === 'pending' && value.publicKeyInfo === spki);
      if (waiting === undefined || waiting.value.role !== 'pending') {
        throw new Refusal(
          'no-request',
          'the certificate is for another key',
          'This certificate is not for a key that you asked with.',
        );
      }
      requireSound(await context.judge(chain));
      const { key, name, purpose } = waiting.value;
      const identity = await keep(chain, key, name, purpose);
      await context.remove(waiting.id);
      return view(identity);
    },

    /**
     * Takes in an identity from a file: PEM or DER certificates, with a key in the same file or another, or a
     * PKCS#12 file. Without a key it is somebody else's.
     */
    async importIdentity(input: {
      file: Uint8Array;
      keyFile?: Uint8Array;
      password?: string;
      name?: string;
    }): Promise<IdentityView> {
      const { chain, pkcs8 } = await readIdentityFile(input.file, input.keyFile, input.password);
      const { tbs } = subjectOf(chain);
      const name = input.name?.trim() || commonNameText(tbs);
      requireSound(await context.judge(chain));
      if (pkcs8 === null) {
        const did = context.didOf(chain);
        refuseTaken(did);
        refuseOtherKey(did, chain);
        const other = {
          role: 'other' as const,
          did,
          name,
          chain: storedChain(chain),
          created: context.now(),
        };
        await context.putIdentity(other);
        return view(other);
      }
      const key = await importPrivateKey(pkcs8);
      if (toHex(key.publicKeyInfo) !== toHex(tbs.publicKeyInfo)) {
        throw new Refusal(
          'key-mismatch',
          'the key is not the certificate’s',
          'The key in this file does not belong to the certificate.',
        );
      }
      refuseTaken(context.didOf(chain));
      return view(await keep(chain, await context.keepKey(pkcs8), name, null));
    },

    /** An identity as a file: `pem` and `der` without the key, `p12` with it under a password. */
    async exportIdentity(input: {
      did: string;
      format: 'pem' | 'der' | 'p12';
      password?: string;
    }): Promise<FileView> {
      const identity = context.known(input.did) ?? context.own(input.did);
      const chain = context.chainOf(identity);
      const base = identity.name.replaceAll(/[^\p{L}\p{N}]+/gu, '-').slice(0, 40) || 'identity';
      if (input.format === 'der') {
        const content = subjectOf(chain).raw.slice();
        return { name: `${base}.cer`, type: 'application/pkix-cert', content };
      }
      if (input.format === 'pem') {
        return { name: `${base}.pem`, type: 'application/x-pem-file', content: utf8(chainToPem(chain)) };
      }
      const { key } = context.own(input.did);
      if ((input.password ?? '').length < 8)
        throw new Refusal('weak-password', 'too short', 'The password needs at least 8 characters.');
      const certificates = chain.toReversed().map(({ raw }) => raw);
      const { encodePkcs12 } = await import('./pkcs12.ts');
      const content = await encodePkcs12(
        { privateKey: pkcs8Of(context, key), certificates },
        input.password!,
      );
      return { name: `${base}.p12`, type: 'application/x-pkcs12', content };
    },

    /** Registers an identity; `dry` only says what would come of it. */
    async registerIdentity(input: { did: string; dry?: boolean }): Promise<CallView> {
      const chain = context.chainOf(context.known(input.did) ?? context.own(input.did));
      const ids = identifiersOf(chain);
      const call: AutoIdCall = { kind: 'register', issuer: ids.at(-2) ?? null, request: signedPart(chain) };
      return send(call, ids, input.did, input.dry === true);
    },

    /**
     * Renews an identity with the same key and name and a fresh serial: a root by itself, another one by its
     * issuer, if that is one's own. The registry is told if it holds the identity.
     */
    async renewIdentity(input: {
      did: string;
      days?: number;
      dry?: boolean;
    }): Promise<IdentityView & { call: CallView | null }> {
      const identity = context.own(input.did);
      const chain = context.chainOf(identity);
      const { tbs } = subjectOf(chain);
      const now = wholeSecond(context.now());
      const parent = chain.length === 1 ? null : chain.at(-2)!.tbs;
      const ids = identifiersOf(chain);
      const issuer = parent === null ? identity : context.own(context.issuerOf(chain)!);
      const { authority, pathLength } = basicConstraints(tbs);
      const der = await issueCertificate(await context.signingKey(issuer.key), {
        commonName: commonNameText(tbs),
        publicKeyInfo: tbs.publicKeyInfo,
        issuer: parent === null ? null : { name: parent.subject, publicKeyInfo: parent.publicKeyInfo },
        notBefore: now - BACKDATE_MS,
        notAfter: now + requireDays(input.days) * DAY_MS,
        did: alternativeUris(tbs)[0] ?? identity.did,
        authority: authority ? { pathLength: pathLength ?? ROOT_PATH_LENGTH } : null,
        ...(authority ? { usages: AUTHORITY_USAGES } : LEAF),
        ...(identity.purpose === null ? {} : { purpose: identity.purpose }),
      });
      const renewed = chainOf([...chain.slice(0, -1).map(({ raw }) => raw), der]);
      const seen = await context.latest(ids, input.did);
      let call: CallView | null = null;
      if (seen !== null && seen.registry.entry(ids.at(-1)!) !== null) {
        call = await send(
          { kind: 'renew', id: ids.at(-1)!, issuer: ids.at(-2) ?? null, request: signedPart(renewed) },
          ids,
          input.did,
          input.dry === true,
        );
        if (call.refused !== null) return { ...view(identity), call };
      }
      if (input.dry === true) return { ...view(identity), call: call ?? LOCAL };
      const next = { ...identity, chain: storedChain(renewed) };
      await context.putIdentity(next);
      return { ...view(next), call };
    },

    /**
     * Revokes an identity: a root by itself, another one by its issuer. Takes effect in this wallet at once; the
     * registry is told if it holds the identity.
     */
    async revokeIdentity(input: { did: string; dry?: boolean }): Promise<CallView> {
      const target = context.known(input.did) ?? context.own(input.did);
      const chain = context.chainOf(target);
      const ids = identifiersOf(chain);
      const revokerId = ids.at(-2) ?? ids.at(-1)!;
      const revoker = context.own(context.issuerOf(chain) ?? input.did);
      const seen = await context.latest(ids, input.did);
      const registered = seen !== null && seen.registry.entry(ids.at(-1)!) !== null;
      const result = registered
        ? await act(ids.at(-1)!, input.did, revoker, revokerId, 'revoke', input.dry === true)
        : LOCAL;
      if (input.dry !== true && result.refused === null) await context.rememberRevoked(ids.at(-1)!);
      return result;
    },

    /** Gives an identity of one's own up for good; its name and key are never used together again. */
    async deactivateIdentity(input: { did: string; dry?: boolean }): Promise<CallView> {
      const identity = context.own(input.did);
      const id = idOfDid(input.did);
      const seen = await context.latest([id], input.did);
      const registered = seen !== null && seen.registry.entry(id) !== null;
      const result = registered
        ? await act(id, input.did, identity, id, 'deactivate', input.dry === true)
        : LOCAL;
      if (input.dry !== true && result.refused === null)
        await context.putIdentity({ ...identity, deactivated: true });
      return result;
    },

    /** Takes an identity of somebody else, or a waiting request, off the list. */
    async forgetIdentity(input: { id: string }): Promise<void> {
      const found = context.get<IdentityRecord>(input.id, 'certificate');
      if (found === null || found.role === 'own')
        throw new Refusal(
          'unknown-identity',
          input.id.slice(0, 100),
          'Only identities of others can be removed.',
        );
      await context.remove(input.id);
    },

    /** What a known identity is worth. */
    async verdict(input: { did: string }): Promise<VerdictView> {
      return verdictView(context, context.chainOf(context.known(input.did) ?? context.own(input.did)));
    },

    /** What the identity in a file is worth, without keeping it. */
    async inspectIdentity(input: { file: Uint8Array }): Promise<VerdictView & { did: string; name: string }> {
      const chain = readChain(input.file);
      const found = await verdictView(context, chain);
      return { ...found, did: context.didOf(chain), name: commonNameText(subjectOf(chain).tbs) };
    },

    /** DID document of a known identity. */
    async didDocument(input: { did: string }): Promise<DidDocument> {
      const chain = context.chainOf(context.known(input.did) ?? context.own(input.did));
      return didDocument(input.did, subjectOf(chain).tbs, context.issuerOf(chain));
    },
  };
}

/** Verdict of a chain for the page. */
export async function verdictView(context: IdentityContext, chain: Chain): Promise<VerdictView> {
  const { view, status, chain: own, ...judged } = await context.judge(chain);
  const { strict, certificates, reported, reportedBlock, reason } = judged;
  return {
    chain: own,
    strict,
    certificates,
    reported,
    reportedBlock,
    issuerIsOwn: context.known(context.issuerOf(chain) ?? '')?.role === 'own',
    sentence: sentenceOf(strict, status, reported),
    registry: status,
    reason,
    asOf:
      view === null
        ? null
        : {
            block: view.block,
            consensusBlock: view.consensusBlock,
            time: view.time,
            proven: view.proven,
          },
  };
}

function sentenceOf(
  strict: VerdictCode,
  status: Consultation['status'],
  reported: VerdictCode | null,
): string {
  if (strict === 'mismatch' && reported === 'ok')
    return 'This identity was renewed in a new block of the registry’s network; the proof follows.';
  if (strict !== 'not-anchored') return VERDICT_SENTENCES[strict];
  if (status === 'silent')
    return 'The network’s registry could not be asked; this identity’s certificates speak for themselves.';
  if (reported === 'ok')
    return 'This identity is registered in a new block of the registry’s network; the proof follows.';
  return VERDICT_SENTENCES[strict];
}

/** Refuses a chain whose certificates do not hold by themselves; what is merely out of date is let in. */
function requireSound({ certificates }: Verdict): void {
  if (certificates === 'ok' || certificates === 'expired' || certificates === 'not-yet-valid') return;
  throw new Refusal('certificate-chain', certificates, VERDICT_SENTENCES[certificates]);
}

function keyKindOf(chain: Chain): string {
  const { publicKeyInfo } = subjectOf(chain).tbs;
  const kinds: [number, string][] = [
    [44, 'Ed25519'],
    [91, 'P-256'],
    [120, 'P-384'],
  ];
  return kinds.find(([length]) => publicKeyInfo.length === length)?.[1] ?? 'RSA';
}

function requestDer(file: Uint8Array): Uint8Array {
  if (file[0] === 0x30) return file;
  const block = decodePem(new TextDecoder().decode(file)).find(({ label }) =>
    label.endsWith('CERTIFICATE REQUEST'),
  );
  if (block === undefined)
    throw new Refusal('certificate-request', 'no request in the file', 'This file holds no request.');
  return block.der;
}

/** Issues a certificate under one's own identity and notes its serial. */
export async function issueLeaf(
  context: IdentityContext,
  issuerDid: string,
  wanted: {
    commonName: string;
    publicKeyInfo: Uint8Array;
    purpose: string | null;
    days: number;
    mayIssue: boolean;
  },
): Promise<{ chain: Chain }> {
  const issuer = context.own(issuerDid);
  const parents = context.chainOf(issuer);
  const { tbs } = subjectOf(parents);
  const { authority, pathLength } = basicConstraints(tbs);
  const may = authority && keyUsage(tbs)?.includes('keyCertSign') !== false;
  if (!may) throw new Refusal('not-an-authority', issuerDid, 'This identity may not issue others.');
  if (wanted.mayIssue && pathLength === 0)
    throw new Refusal('path-length', issuerDid, 'This identity may issue others, but none that issue again.');
  const parentIds = identifiersOf(parents);
  const did = formatDid({
    network: parseDid(issuerDid)?.network ?? null,
    id: autoIdOf(utf8(wanted.commonName), parentIds.at(-1)!),
  });
  if (issuer.issued.some((one) => one.did === did)) {
    throw new Refusal(
      'identity-exists',
      did,
      'You have issued an identity of this name already: renew it instead.',
    );
  }
  const now = wholeSecond(context.now());
  const der = await issueCertificate(await context.signingKey(issuer.key), {
    commonName: wanted.commonName,
    publicKeyInfo: wanted.publicKeyInfo,
    issuer: { name: tbs.subject, publicKeyInfo: tbs.publicKeyInfo },
    notBefore: Math.max(now - BACKDATE_MS, tbs.notBefore),
    notAfter: Math.min(now + wanted.days * DAY_MS, tbs.notAfter),
    did,
    authority: wanted.mayIssue ? { pathLength: Math.max(0, (pathLength ?? 1) - 1) } : null,
    ...(wanted.mayIssue ? { usages: AUTHORITY_USAGES } : LEAF),
    ...(wanted.purpose === null ? {} : { purpose: wanted.purpose }),
  });
  const chain = chainOf([...parents.map(({ raw }) => raw), der]);
  const entry = { did, name: wanted.commonName, serial: serialOf(chain), at: context.now() };
  await context.putIdentity({ ...issuer, issued: [...issuer.issued, entry] });
  return { chain };
}

/** PKCS#8 DER of an identity's key. */
export function pkcs8Of(context: IdentityContext, source: KeySource): Uint8Array {
  if ('record' in source) {
    const stored = context.get<{ pkcs8: string }>(source.record, 'rsa-key');
    if (stored === null) throw new Refusal('unknown-key', source.record, 'The key is missing.');
    return fromBase64Url(stored.pkcs8, 'private-key');
  }
  const secret = context.wallet.identitySecret(source.kind, source.index);
  return source.kind === 'ed25519' ? ed25519Pkcs8(secret) : ecPkcs8('p256', secret);
}

async function readIdentityFile(
  file: Uint8Array,
  keyFile: Uint8Array | undefined,
  password: string | undefined,
): Promise<{ chain: Chain; pkcs8: Uint8Array | null }> {
  const given = password ?? '';
  if (file[0] === 0x30 && isPkcs12(file)) {
    const { decodePkcs12 } = await import('./pkcs12.ts');
    const { privateKey, certificates } = await decodePkcs12(file, given);
    return { chain: orderChain(certificates), pkcs8: privateKey };
  }
  const chain = readChain(file);
  const keys = file[0] === 0x30 ? null : await keyIn(file, given);
  return { chain, pkcs8: keys ?? (keyFile === undefined ? null : await requireKey(keyFile, given)) };
}

/** A PKCS#12 file begins with its version, a certificate with another sequence. */
function isPkcs12(file: Uint8Array): boolean {
  const content = file[1]! < 0x80 ? 2 : 2 + (file[1]! & 0x7f);
  return file[content] === 0x02;
}

async function keyIn(file: Uint8Array, password: string): Promise<Uint8Array | null> {
  for (const { label, der } of decodePem(new TextDecoder().decode(file))) {
    if (label === 'PRIVATE KEY') return der;
    if (label === 'ENCRYPTED PRIVATE KEY') return decryptPkcs8(der, password);
  }
  return null;
}

async function requireKey(file: Uint8Array, password: string): Promise<Uint8Array> {
  if (file[0] === 0x30) {
    const isPlain = file[file[1]! < 0x80 ? 2 : 2 + (file[1]! & 0x7f)] === 0x02;
    return isPlain ? file : decryptPkcs8(file, password);
  }
  const key = await keyIn(file, password);
  if (key === null) throw new Refusal('private-key', 'no key in the file', 'This file holds no key.');
  return key;
}
