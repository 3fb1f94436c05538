export type FarmErrorCode =
  | 'other-network'
  | 'other-rules'
  | 'other-farmer'
  | 'not-a-farm'
  | 'too-small'
  | 'too-large'
  | 'piece-unavailable'
  | 'piece-invalid'
  | 'sector-broken'
  | 'wrong-encoding'
  | 'deadline'
  | 'no-slots'
  | 'own-solution-invalid'
  | 'identity';

/** A failure of the farm: `code` for programs, `sentence` for the person, `action` what they can do, if anything. */
export class FarmError extends Error {
  readonly code: FarmErrorCode;
  readonly sentence: string;
  readonly action: string | null;

  constructor(details: {
    code: FarmErrorCode;
    message: string;
    sentence: string;
    action?: string;
    cause?: unknown;
  }) {
    super(
      `${details.code}: ${details.message}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'FarmError';
    this.code = details.code;
    this.sentence = details.sentence;
    this.action = details.action ?? null;
  }
}
