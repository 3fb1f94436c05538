/** Says on standard output, as one JSON object on a line, what happened. */
export function print(event: string, fields: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/** A line for people who read along, in the same form. */
export const log = (text: string): void => print('log', { text });
