/** What can go wrong between a page and the person's own helper. */
import { KEPT_FROM } from './local-access.ts';

export type HelperFailure =
  | 'unreachable'
  | 'kept-away'
  | 'origin-refused'
  | 'not-a-helper'
  | 'wrong-code'
  | 'stalled'
  | 'disconnected'
  | 'refused'
  | 'lied'
  | 'closed';

const SENTENCES: Record<HelperFailure, (port: number) => string> = {
  unreachable: (port) => `No helper answers on port ${port}. Start it, or name the port that it printed.`,
  'kept-away': () => KEPT_FROM.machine,
  'origin-refused': (port) =>
    `The helper on port ${port} does not serve this page. Start it with --origin and this page’s address.`,
  'not-a-helper': (port) => `Another program than a helper answers on port ${port}.`,
  'wrong-code': () => 'The pairing code is not the one that the helper printed.',
  stalled: () => 'The helper does not answer any more.',
  disconnected: () => 'The connection to the helper was lost.',
  refused: () => 'The helper refused what it was asked.',
  lied: () => 'The helper gave a wrong answer, and is not believed any more.',
  closed: () => 'The helper is not used any more.',
};

/** The helper failed, whatever it was asked. */
export class HelperError extends Error {
  /** For the person. */
  readonly sentence: string;

  constructor(
    readonly code: HelperFailure,
    port: number,
    message: string,
  ) {
    super(`helper on port ${port}, ${code}: ${message}`);
    this.name = 'HelperError';
    this.sentence = SENTENCES[code](port);
  }
}
