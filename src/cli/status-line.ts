/** What a person is told on standard error while a command waits. */

/** Least time between two lines where each stays, and between two changes of the line at a terminal. */
const KEPT_LINE_MS = 10_000;
const CHANGE_MS = 250;

/** Where lines go; `isTTY`: whether a line can be written over. */
export interface StatusOutput {
  isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * One matter after the other, each with how far it is. At a terminal the line is written over; elsewhere every matter
 * gets a line at once and another every ten seconds, as long as somebody says so.
 */
export class StatusLine {
  private matter = '';
  private text = '';
  private at = -Infinity;

  constructor(
    private readonly output: StatusOutput = process.stderr,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** `matter`: what is being done, as `Verifying the chain`; `detail`: how far it is. To be called again and again. */
  say(matter: string, detail = ''): void {
    const text = detail === '' ? `${matter}…` : `${matter}: ${detail}`;
    const isNew = matter !== this.matter;
    const terminal = this.output.isTTY === true;
    const due = this.now() - this.at >= (terminal ? CHANGE_MS : KEPT_LINE_MS);
    if (!isNew && (!due || (terminal && text === this.text))) return;
    this.matter = matter;
    this.write(text);
  }

  /** The last word on a matter, which stays. */
  close(text: string): void {
    if (text !== this.text || this.output.isTTY === true) this.write(text);
    this.end();
  }

  /** Leaves the line where it is: what comes next begins another. */
  end(): void {
    if (this.output.isTTY === true && this.text !== '') this.output.write('\n');
    this.matter = '';
    this.text = '';
    this.at = -Infinity;
  }

  private write(text: string): void {
    this.at = this.now();
    this.text = text;
    this.output.write(this.output.isTTY === true ? `\r${text}\x1b[K` : `${text}\n`);
  }
}
