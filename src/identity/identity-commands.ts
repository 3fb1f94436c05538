/** Commands of identities: list, make, ask for, issue, judge. */
import { toHex, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, toBase64Url } from '../wallet/json.ts';
import type { DerivedKind } from '../wallet/session.ts';
import { commonNameText } from './certificate.ts';
import { chainOf, chainToPem, readChain, subjectOf } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { resolveDid, type DidResolution } from './did-resolution.ts';
import { formatDid } from './did.ts';
import { autoIdOf } from './identifier.ts';
import { storedChain, type IdentityRecord } from './identity-records.ts';
import {
  identityView,
  verdictView,
  type IdentityView,
  type PendingView,
  type RequestView,
  type VerdictView,
} from './identity-view.ts';
import { BACKDATE_MS, DAY_MS, issueLeaf, requireDays, ROOT_PATH_LENGTH, wholeSecond } from './issue-leaf.ts';
import {
  AUTHORITY_USAGES,
  decodeRequest,
  issueCertificate,
  keySuffix,
  MAX_COMMON_NAME,
  requestCertificate,
} from './issue.ts';
import { keepOwn, refuseTaken, requireSound } from './keep-identity.ts';
import { keyFingerprint } from './keys.ts';
import { decodePem, encodePem } from './pem.ts';

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
  return {
    /** Every identity known to the wallet, one's own first. */
    async identities(): Promise<IdentityView[]> {
      const all = context.identities().flatMap(({ value }) => (value.role === 'pending' ? [] : [value]));
      return all
        .sort((a, b) => (a.role === b.role ? a.created - b.created : a.role === 'own' ? -1 : 1))
        .map((identity) => identityView(context, identity));
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
      refuseTaken(context, did);
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
      return identityView(context, await keepOwn(context, chainOf([der]), source, input.name.trim(), null));
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
      const identity = await keepOwn(context, chain, key, name, purpose);
      await context.remove(waiting.id);
      return identityView(context, identity);
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

    /** Resolves the DID of an Auto ID, or one that spells out its key: its document, and what stands behind it. */
    resolveDid(input: { did: string }): Promise<DidResolution> {
      return resolveDid(context, input.did);
    },
  };
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
