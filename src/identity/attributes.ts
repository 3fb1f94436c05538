/** Numbers that credentials can hide and bounds can be proved of. */

/** Number of bits of the attributes that can be committed to; fixed, so that a proof tells nothing by its size. */
export const ATTRIBUTE_BITS = {
  /** Auto Score, 0 to 10 000. */
  score: 14,
  /** Days since 1970 of a birth, shifted by 36 525 so that none is negative. */
  birth_days: 17,
  /** A quantity in a unit that the credential names. */
  quantity: 52,
} as const;
export type CommittedAttribute = keyof typeof ATTRIBUTE_BITS;
