import type { Origin } from '../../identity/provenance.ts';

/** Who made something, in words. */
export const ORIGINS: readonly (readonly [Origin, string])[] = [
  ['human', 'A person made it'],
  ['ai', 'A model made it'],
  ['mixed', 'A person with a model'],
  ['unknown', 'I do not say'],
];
