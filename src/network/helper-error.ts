/** What can go wrong between a page and the person's own timekeeper. */
export type HelperFailure =
  | 'unreachable'
  | 'origin-refused'
  | 'not-a-helper'
  | 'wrong-code'
  | 'stalled'
  | 'disconnected'
  | 'refused'
  | 'lied'
  | 'closed';

const SENTENCES: Record<HelperFailure, (port: number) => string> = {
  unreachable: (port) =>
    `No timekeeper answers on port ${port}. Start it; if it runs, it may not allow this page: --origin names the pages that it serves.`,
  'origin-refused': (port) =>
    `The timekeeper on port ${port} does not serve this page. Start it with --origin and this page’s address.`,
  'not-a-helper': (port) => `Another program than a timekeeper answers on port ${port}.`,
  'wrong-code': () => 'The pairing code is not the one that the timekeeper printed.',
  stalled: () => 'The timekeeper does not answer any more.',
  disconnected: () => 'The connection to the timekeeper was lost.',
  refused: () => 'The timekeeper refused to verify.',
  lied: () => 'The timekeeper was wrong about a proof of time, and is not believed any more.',
  closed: () => 'The timekeeper is not used any more.',
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
    super(`timekeeper on port ${port}, ${code}: ${message}`);
    this.name = 'HelperError';
    this.sentence = SENTENCES[code](port);
  }
}
