/** Commands that change what the registry, or this wallet alone, holds of an identity: register, renew, revoke, deactivate. */
import { Refusal } from '../wallet/errors.ts';
import { actionPayload, type AutoIdCall, type CertificateAction } from './calls.ts';
import { alternativeUris, basicConstraints, commonNameText } from './certificate.ts';
import { chainOf, subjectOf } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { idOfDid, OFF, parseDid } from './did.ts';
import { storedChain, type OwnIdentity } from './identity-records.ts';
import { identityView, type IdentityView } from './identity-view.ts';
import { BACKDATE_MS, DAY_MS, LEAF, requireDays, ROOT_PATH_LENGTH, wholeSecond } from './issue-leaf.ts';
import { AUTHORITY_USAGES, issueCertificate } from './issue.ts';
import { refuseGivenUp } from './keep-identity.ts';
import { signatureAlgorithmOf, signDer } from './keys.ts';
import { noteRegistered, rememberRevoked, wasRegistered } from './registry-memory.ts';
import { LOCAL, sendCall, signedPart, type CallView, type Sending } from './registry-call.ts';
import { identifiersOf } from './verdict.ts';

/** Commands, for one wallet and network. */
export function registrationCommands(context: IdentityContext) {
  /**
   * Whether the registry holds an identity, by its newest content. While that is silent, one that was made for none, and
   * that none was ever seen to hold, is acted on in this wallet, which says so later should it turn out to be registered.
   */
  const isRegistered = async (did: string): Promise<boolean> => {
    const id = idOfDid(did);
    try {
      const registered = (await context.latest([id]))?.registry.entry(id) != null;
      if (registered) await noteRegistered(context, id);
      return registered;
    } catch (error) {
      const isSilent = error instanceof Refusal && error.code === 'registry-silent';
      if (isSilent && parseDid(did)?.network === OFF && !wasRegistered(context, id)) return false;
      throw error;
    }
  };

  const act = async (
    target: Uint8Array,
    did: string,
    signer: OwnIdentity,
    signerId: Uint8Array,
    action: CertificateAction,
    sending: Sending,
  ): Promise<CallView> => {
    const seen = await context.latest([target, signerId]);
    const nonce = seen?.registry.entry(signerId)?.nonce ?? 0n;
    const key = await context.signingKey(signer.key);
    const signature = await signDer(key, actionPayload(target, nonce, action));
    const proof = { signatureAlgorithm: signatureAlgorithmOf(key.algorithm), signature };
    return sendCall(context, { kind: action, id: target, proof }, [target, signerId], did, sending);
  };

  return {
    /** Registers an identity. Throws Refusal `given-up`. */
    async registerIdentity(input: { did: string } & Sending): Promise<CallView> {
      const identity = context.known(input.did) ?? context.own(input.did);
      refuseGivenUp(identity);
      const chain = context.chainOf(identity);
      const ids = identifiersOf(chain);
      const call: AutoIdCall = { kind: 'register', issuer: ids.at(-2) ?? null, request: signedPart(chain) };
      return sendCall(context, call, ids, input.did, input);
    },

    /**
     * Renews an identity with the same key and name and a fresh serial: a root by itself, another one by its
     * issuer, if that is one's own. The registry is told if it holds the identity. Throws Refusal `given-up`.
     */
    async renewIdentity(
      input: { did: string; days?: number } & Sending,
    ): Promise<IdentityView & { call: CallView | null }> {
      const identity = context.own(input.did);
      refuseGivenUp(identity);
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
      let call: CallView | null = null;
      if (await isRegistered(input.did)) {
        call = await sendCall(
          context,
          { kind: 'renew', id: ids.at(-1)!, issuer: ids.at(-2) ?? null, request: signedPart(renewed) },
          ids,
          input.did,
          input,
        );
        if (call.refused !== null) return { ...identityView(context, identity), call };
      }
      if (input.dry === true) return { ...identityView(context, identity), call: call ?? LOCAL };
      const next = { ...context.own(input.did), chain: storedChain(renewed) };
      await context.putIdentity(next);
      return { ...identityView(context, next), call };
    },

    /**
     * Revokes an identity: a root by itself, another one by its issuer. Takes effect in this wallet at once; the
     * registry is told if it holds the identity.
     */
    async revokeIdentity(input: { did: string } & Sending): Promise<CallView> {
      const target = context.known(input.did) ?? context.own(input.did);
      const chain = context.chainOf(target);
      const ids = identifiersOf(chain);
      const revokerId = ids.at(-2) ?? ids.at(-1)!;
      const revoker = context.own(context.issuerOf(chain) ?? input.did);
      const result = (await isRegistered(input.did))
        ? await act(ids.at(-1)!, input.did, revoker, revokerId, 'revoke', input)
        : LOCAL;
      if (input.dry !== true && result.refused === null)
        await rememberRevoked(context, ids.at(-1)!, result.extrinsic === null);
      return result;
    },

    /** Gives an identity of one's own up for good; its name and key are never used together again. */
    async deactivateIdentity(input: { did: string } & Sending): Promise<CallView> {
      const identity = context.own(input.did);
      const id = idOfDid(input.did);
      const result = (await isRegistered(input.did))
        ? await act(id, input.did, identity, id, 'deactivate', input)
        : LOCAL;
      if (input.dry !== true && result.refused === null)
        await context.putIdentity({ ...context.own(input.did), deactivated: true });
      return result;
    },
  };
}
