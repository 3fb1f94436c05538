/** Calls to the registry, judged before they are sent. */
import { Refusal } from '../wallet/errors.ts';
import { CALL_SENTENCES, type AutoIdCall, type AutoIdError, type SignedCertificate } from './calls.ts';
import { subjectOf, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import type { CallQuote } from './registry-access.ts';
import { lastPayer, notePayer } from './registry-memory.ts';

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
export const LOCAL: CallView = { refused: null, sentence: null, extrinsic: null, block: null, quote: null };

/** How a call is made. */
export interface Sending {
  /** Only says what would come of it. */
  dry?: boolean;
  /**
   * SS58 address of the wallet's account that pays. When left out: the one that last paid for a deed of this identity or
   * of one above it, else the wallet's first.
   */
  payer?: string;
  /** Only this wallet is to change, as was said: refused where the registry turns out to hold the identity. */
  here?: boolean;
}

/**
 * Runs a call of an identity (`did`) against the registry's newest content, and sends it only if it would be accepted.
 * Throws Refusal `no-registry`, `registry-answers`, and what `latest` throws.
 */
export async function sendCall(
  context: IdentityContext,
  call: AutoIdCall,
  ids: readonly Uint8Array[],
  did: string,
  { dry, here, payer }: Sending,
): Promise<CallView> {
  if (here === true)
    throw new Refusal(
      'registry-answers',
      'asked to change this wallet alone',
      'The registry can be asked meanwhile, and holds this identity. Try again to see what telling it costs.',
    );
  const seen = await context.latest(ids);
  if (seen === null || context.registry === null) {
    throw new Refusal(
      'no-registry',
      'the network has no Auto ID domain',
      'This network has no registry of identities: yours works without, but nobody can look it up.',
    );
  }
  const outcome = seen.registry.predict(call, seen.time);
  if (!outcome.ok) return { ...LOCAL, refused: outcome.error, sentence: CALL_SENTENCES[outcome.error] };
  const account = payer ?? (await lastPayer(context, did));
  if (dry === true) return { ...LOCAL, quote: await context.registry.quote(call, account) };
  const sent = await context.registry.submit(call, ids, account);
  if (account !== undefined) await notePayer(context, did, account);
  return { ...LOCAL, ...sent };
}

/** What a call carries of a chain's last certificate. */
export function signedPart(chain: Chain): SignedCertificate {
  const { tbs, signatureAlgorithm, signature } = subjectOf(chain);
  return { certificate: tbs.raw, signatureAlgorithm, signature };
}
