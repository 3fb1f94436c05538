import { messageOf, ProtocolError } from '../protocol/errors.ts';

/** A repeated complaint is left out for so long. */
const COMPLAINT_MS = 60_000;

/** What is wrong with what others send: at most one line a cause and minute, so that nobody floods the log. */
export class Complaints {
  private readonly said = new Map<string, number>();

  constructor(private readonly log: (line: string) => void) {}

  /** `subject`: what the message was about. */
  say(subject: string, error: unknown): void {
    const what = error instanceof ProtocolError ? error.rule : error instanceof Error ? error.name : 'error';
    const key = `${subject} ${what}`;
    const now = performance.now();
    if (now - (this.said.get(key) ?? Number.NEGATIVE_INFINITY) < COMPLAINT_MS) return;
    this.said.set(key, now);
    this.log(`${subject}: ${messageOf(error)}`);
  }
}
