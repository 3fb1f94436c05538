/** Commitments to hidden numbers in the claims of a credential. */
import * as v from 'valibot';
import { base64UrlText, shaped } from '../wallet/json.ts';

const schema = v.record(
  v.pipe(v.string(), v.minLength(1), v.maxLength(32)),
  v.pipe(base64UrlText(43), v.length(43)),
);

/** Commitments (32 bytes, base64url) that a credential carries, by attribute. Throws DecodeError. */
export function commitmentsOf(claims: Record<string, unknown>): Record<string, string> {
  const commitments = claims['commitments'];
  return commitments === undefined ? {} : shaped(schema, commitments, 'commitments');
}
