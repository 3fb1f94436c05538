/** What a person is told when a command fails. */
import { explained } from '../node/causes.ts';
import { NodeError } from '../node/errors.ts';
import { fileSentence } from '../storage/node-errors.ts';
import { UsageError } from './usage.ts';

/** Exit code and text for standard error. `of`: the words that stand before `--help` in the command line at hand. */
export function failureOf(error: unknown, of: string): { code: 1 | 2; text: string } {
  if (error instanceof UsageError)
    return { code: 2, text: `${error.message}; see “npm run allotment -- ${of}--help”.` };
  // Choices are made by options here.
  if (error instanceof NodeError && error.code === 'choice') return { code: 2, text: error.sentence };
  return { code: 1, text: fileSentence(error) ?? explained(error) };
}
