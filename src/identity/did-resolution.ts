/**
 * Resolution of DIDs (W3C DID Resolution): of Auto IDs by the registry, as it is proven, or by the certificates known here;
 * of DIDs that spell out their key by themselves.
 */
import { toHex } from '../protocol/bytes.ts';
import { decodeTbs, type TbsCertificate } from './certificate.ts';
import { subjectOf } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { didDocument, formatDid, keyDocument, parseDid, type Did, type DidDocument } from './did.ts';
import { heldLine } from './held-chain.ts';
import { parseKeyDid } from './key-dids.ts';
import type { RegistryView } from './registry-access.ts';
import { isGivenUp, seenRevoked } from './registry-memory.ts';
import { identifiersOf } from './verdict.ts';

const CONTENT_TYPE = 'application/did+json';

export interface DidMetadata {
  /** Whether it was given up: it is in no registry any more, and this wallet knows that it was. */
  deactivated?: boolean;
  /** Serial of the certificate, hex. */
  versionId?: string;
  /** Time of the state that proves it, ISO 8601; missing where nothing does. */
  updated?: string;
  /** Whether it, or an identity that it rests on, was revoked. */
  revoked?: boolean;
  /** DIDs from the root down to itself. */
  issuerChain?: string[];
  /** Blocks of the domain and of the consensus chain that prove it. */
  anchoredAt?: { block: number | null; consensusBlock: number | null };
  /** ISO 8601. */
  notAfter?: string;
}

export interface DidResolution {
  didDocument: DidDocument | null;
  didDocumentMetadata: DidMetadata;
  didResolutionMetadata: {
    contentType?: string;
    /** `invalidDid`, `methodNotSupported`, `notFound`. */
    error?: string;
    /** What the error means, for the person. */
    message?: string;
  };
}

const MESSAGES = {
  invalidDid: 'This is not the name of an identity.',
  methodNotSupported: 'Names of that kind are not known here.',
  notFound:
    'Nobody of this name is known: no registry that can be asked holds it, and no certificate of it is here.',
} as const;

function failed(error: keyof typeof MESSAGES, metadata: DidMetadata = {}): DidResolution {
  return {
    didDocument: null,
    didDocumentMetadata: metadata,
    didResolutionMetadata: { error, message: MESSAGES[error] },
  };
}

function found(document: DidDocument, metadata: DidMetadata): DidResolution {
  return {
    didDocument: document,
    didDocumentMetadata: metadata,
    didResolutionMetadata: { contentType: CONTENT_TYPE },
  };
}

/** Resolves a DID. What cannot be resolved is said in the result; rejects only while the wallet is locked. */
export async function resolveDid(context: IdentityContext, text: string): Promise<DidResolution> {
  context.wallet.requireUnlocked();
  const did = text.trim();
  if (!/^did:[a-z0-9]+:[^\s#?/]+$/.test(did)) return failed('invalidDid');
  const spelled = parseKeyDid(did);
  if (spelled !== null) return found(keyDocument(did, spelled.keyId, spelled.jwk), {});
  const parsed = parseDid(did);
  if (parsed === null) {
    const known = /^did:(autoid|key|jwk):/.test(did);
    return failed(known ? 'invalidDid' : 'methodNotSupported');
  }
  const known = context.known(did);
  const registered = context.isHere(parsed) ? await fromRegistry(context, did, parsed) : null;
  if (registered !== null) return registered;
  const deactivated =
    (known?.role === 'own' && known.deactivated) ||
    (context.isHere(parsed) && isGivenUp(context, parsed.id, (await context.consult([parsed.id])).proven));
  if (deactivated) return failed('notFound', { deactivated });
  return known === null ? failed('notFound') : fromCertificates(context, did);
}

/** As the registry proves it, with everybody that it rests on; null if it holds none of that name. */
async function fromRegistry(
  context: IdentityContext,
  did: string,
  { id, network }: Did,
): Promise<DidResolution | null> {
  const line = await heldLine(context, id);
  if (line === null) return null;
  const { ids, proven, reported } = line;
  const own = proven.registry.entry(id)!;
  const chain = ids.map((one) => formatDid({ network, id: one }));
  const revoked =
    [proven, reported].some((view) => view !== null && isRevoked(view, ids)) ||
    ids.some((one) => seenRevoked(context).has(toHex(one)));
  return found(didDocument(did, decodeTbs(own.raw), chain.at(-2) ?? null), {
    versionId: own.serial.toString(16),
    updated: new Date(proven.time).toISOString(),
    revoked,
    issuerChain: chain,
    anchoredAt: { block: proven.block, consensusBlock: proven.consensusBlock },
    notAfter: new Date(Number(own.notAfter)).toISOString(),
  });
}

/** Whether one of a chain of identities, root first, is on the list of who issued it, or gone. */
function isRevoked({ registry }: RegistryView, ids: readonly Uint8Array[]): boolean {
  return ids.some((id, index) => {
    const entry = registry.entry(id);
    return entry === null || registry.revoked(ids[index - 1] ?? id).has(entry.serial);
  });
}

/** As the certificates say that this wallet has. */
async function fromCertificates(context: IdentityContext, did: string): Promise<DidResolution> {
  const chain = context.chainOf(context.known(did)!);
  const { tbs }: { tbs: TbsCertificate } = subjectOf(chain);
  const seen = seenRevoked(context);
  return found(didDocument(did, tbs, context.issuerOf(chain)), {
    versionId: tbs.serial.toString(16),
    revoked: identifiersOf(chain).some((id) => seen.has(toHex(id))),
    issuerChain: chain.map((_, index) => context.didOf([chain[0], ...chain.slice(1, index + 1)])),
    notAfter: new Date(tbs.notAfter).toISOString(),
  });
}
