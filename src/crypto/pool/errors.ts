import { ProtocolError } from '../../protocol/errors.ts';
import type { ProtocolErrorDetails } from '../../protocol/errors.ts';

/** What went wrong with a pool. */
export type ComputeErrorCode = 'worker-crashed' | 'job-overran' | 'pool-closed';

/** The pool, not the job's input, is at fault. */
export class ComputeError extends Error {
  readonly code: ComputeErrorCode;
  readonly sentence: string;

  constructor(code: ComputeErrorCode, message: string, cause?: unknown) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause });
    this.name = 'ComputeError';
    this.code = code;
    this.sentence = SENTENCES[code];
  }
}

const SENTENCES: Record<ComputeErrorCode, string> = {
  'worker-crashed': 'A calculation crashed twice. Restart the app; if it happens again, allow fewer cores.',
  'job-overran': 'A calculation took longer than any should, and was stopped.',
  'pool-closed': 'The calculation was stopped because the node is shutting down.',
};

/** An error in a form that crosses a worker's border without losing its type. */
export type ErrorMessage =
  | { kind: 'protocol'; details: Omit<ProtocolErrorDetails, 'cause'> }
  | { kind: 'other'; name: string; message: string };

/** An error as it crosses from a worker, its kind kept. */
export function packError(error: unknown): ErrorMessage {
  if (error instanceof ProtocolError) {
    const { code, rule, sentence, values } = error;
    return {
      kind: 'protocol',
      details: { code, rule, sentence, values, message: error.message.slice(rule.length + 2) },
    };
  }
  if (error instanceof Error) return { kind: 'other', name: error.name, message: error.message };
  return { kind: 'other', name: 'Error', message: String(error) };
}

/** The error again. */
export function unpackError(message: ErrorMessage): Error {
  if (message.kind === 'protocol') return new ProtocolError(message.details);
  const error = message.name === 'RangeError' ? new RangeError(message.message) : new Error(message.message);
  error.name = message.name;
  return error;
}
