/** What is checked before an identity is kept. */
import { equal } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { subjectOf, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { storedChain, type KeySource, type OtherIdentity, type OwnIdentity } from './identity-records.ts';
import { VERDICT_SENTENCES, type Verdict } from './verdict.ts';

/** Throws Refusal `identity-exists` if an identity is one's own already. */
export function refuseTaken(context: IdentityContext, did: string): void {
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
}

/** Throws Refusal `given-up` for an identity of one's own that is not to be used again: old signatures could be replayed. */
export function refuseGivenUp(identity: OwnIdentity | OtherIdentity): void {
  if (identity.role === 'own' && identity.deactivated)
    throw new Refusal('given-up', identity.did, 'You gave this identity up for good. Make another one.');
}

/** A name that is known with one key is not taken over by another. */
export function refuseOtherKey(context: IdentityContext, did: string, chain: Chain): void {
  const known = context.known(did);
  const key = subjectOf(chain).tbs.publicKeyInfo;
  if (known === null || equal(subjectOf(context.chainOf(known)).tbs.publicKeyInfo, key)) return;
  throw new Refusal(
    'identity-exists',
    'another key under the same identifier',
    'You know an identity of this name with another key. If it is really to be replaced, remove that one first.',
  );
}

/** Keeps an identity as one's own. */
export async function keepOwn(
  context: IdentityContext,
  chain: Chain,
  key: KeySource,
  name: string,
  purpose: string | null,
): Promise<OwnIdentity> {
  const did = context.didOf(chain);
  refuseTaken(context, did);
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
}

/** Refuses a chain whose certificates do not hold by themselves; what is merely out of date is let in. */
export function requireSound({ certificates }: Verdict): void {
  if (certificates === 'ok' || certificates === 'expired' || certificates === 'not-yet-valid') return;
  throw new Refusal('certificate-chain', certificates, VERDICT_SENTENCES[certificates]);
}
