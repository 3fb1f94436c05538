/** What every refusal of the protocol layer carries, so that a person and a log both understand it. */
export interface ProtocolErrorDetails {
  /** Stable kebab-case identifier, for code that reacts to a kind of refusal. */
  code: string;
  /** The protocol's name of the rule that was broken, e.g. `solution-range-digest`. */
  rule: string;
  /** For developers: what was expected and what was seen. */
  message: string;
  /** For the person: one sentence that can be acted on. Defaults to a sentence made from the rule. */
  sentence?: string;
  /** The values that decided, printable. */
  values?: Record<string, string | number | bigint | boolean | null>;
  cause?: unknown;
}

/** Input that breaks a rule of the protocol: malformed bytes, a wrong proof, a broken consensus rule. */
export class ProtocolError extends Error {
  readonly code: string;
  readonly rule: string;
  readonly sentence: string;
  readonly values: Readonly<Record<string, string | number | bigint | boolean | null>>;

  constructor(details: ProtocolErrorDetails) {
    super(
      `${details.rule}: ${details.message}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'ProtocolError';
    this.code = details.code;
    this.rule = details.rule;
    this.sentence =
      details.sentence ?? `This data breaks the network's rule “${details.rule}” and was refused.`;
    this.values = details.values ?? {};
  }
}

/** Bytes that do not decode: too short, too long, or not a value of the type. */
export class DecodeError extends ProtocolError {
  constructor(
    what: string,
    message: string,
    values: ProtocolErrorDetails['values'] = {},
    sentence = `The data for “${what}” is malformed and was refused.`,
  ) {
    super({ code: 'malformed', rule: `decode-${what}`, message, values, sentence });
    this.name = 'DecodeError';
  }
}

/** What was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** What a failure of any kind says to developers: its message, or what was thrown as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The sentence for the person that a typed error carries, or null. */
export function ownSentence(error: unknown): string | null {
  return error instanceof Error && 'sentence' in error && typeof error.sentence === 'string'
    ? error.sentence
    : null;
}

/** The sentence for the person of a typed error, or the message of any other. */
export function sentenceOf(error: unknown): string {
  return ownSentence(error) ?? messageOf(error);
}
