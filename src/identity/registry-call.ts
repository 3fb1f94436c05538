/** Calls to the registry, judged before they are sent. */
import { Refusal } from '../wallet/errors.ts';
import { CALL_SENTENCES, type AutoIdCall, type AutoIdError, type SignedCertificate } from './calls.ts';
import { subjectOf, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import type { CallQuote } from './registry-access.ts';

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
  /** SS58 address of the wallet's account that pays; its first one when left out. */
  payer?: string;
}

/** Runs a call against the registry's newest content, and sends it only if it would be accepted. */
export async function sendCall(
  context: IdentityContext,
  call: AutoIdCall,
  ids: readonly Uint8Array[],
  did: string,
  { dry, payer }: Sending,
): Promise<CallView> {
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
  if (dry === true) return { ...LOCAL, quote: await context.registry.quote(call, payer) };
  return { ...LOCAL, ...(await context.registry.submit(call, ids, payer)) };
}

/** What a call carries of a chain's last certificate. */
export function signedPart(chain: Chain): SignedCertificate {
  const { tbs, signatureAlgorithm, signature } = subjectOf(chain);
  return { certificate: tbs.raw, signatureAlgorithm, signature };
}
