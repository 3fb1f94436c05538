/** Identities as the network's registry holds them, with everybody that they rest on: for those whose certificates did not come along. */
import { decodeTbs } from './certificate.ts';
import type { IdentityContext } from './context.ts';
import { parseDid } from './did.ts';
import type { RegistryView } from './registry-access.ts';
import { MAX_CERTIFICATES, type Judged, type JudgedChain } from './verdict.ts';

/** An identity in the registry. */
export interface HeldLine {
  /** Identifiers from the root down to itself; from the first one below, where its issuer is gone or the line too long. */
  ids: Uint8Array[];
  proven: RegistryView;
  reported: RegistryView | null;
}

/** Looks an identity (32 bytes) up in the registry, with everybody that it rests on; null if it is not proven to be there. */
export async function heldLine(context: IdentityContext, id: Uint8Array): Promise<HeldLine | null> {
  const ids = [id];
  for (;;) {
    const { proven, reported } = await context.consult(ids);
    if (proven?.registry.entry(id) == null) return null;
    const top = proven.registry.entry(ids[0]!);
    if (top === null || top.issuer === null || ids.length === MAX_CERTIFICATES)
      return { ids, proven, reported };
    ids.unshift(top.issuer);
  }
}

/**
 * What the registry holds of an identity, to be judged like certificates; the verdict on it where that makes no chain; null
 * if it is not proven to be there.
 */
export async function heldChain(
  context: IdentityContext,
  did: string,
): Promise<JudgedChain | 'issuer-gone' | 'path-length' | null> {
  const parsed = parseDid(did);
  const line = parsed !== null && context.isHere(parsed) ? await heldLine(context, parsed.id) : null;
  if (line === null) return null;
  const chain: Judged[] = [];
  for (const id of line.ids) {
    const entry = line.proven.registry.entry(id);
    if (entry === null) return 'issuer-gone';
    if (chain.length === 0 && entry.issuer !== null) return 'path-length';
    const tbs = decodeTbs(entry.raw);
    chain.push({ tbs, signatureAlgorithm: tbs.signatureAlgorithm, signature: null });
  }
  return chain as [Judged, ...Judged[]];
}
