/**
 * A display server of the test's own, with a browser on it that a person would see, and a hand on keyboard and mouse:
 * what belongs to the browser and not to the page (the directory dialog, its questions) is pressed there.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium, expect, type Page } from '@playwright/test';

const WIDTH = 1280;
const HEIGHT = 900;
/** Where the browser asks whether the page may use a folder again: below the left end of the address bar. */
const QUESTION = { left: 75, top: 95, bottom: 480 };
/** From its left to where its buttons have their colour and no words. */
const BUTTON_EDGE = 90;

/** Beginnings of the titles of the browser's dialogs. */
const FOLDER_DIALOG = '^Select where';
const SAVE_DIALOG = '^Warning: this site can see edits';

/** Fewer than the browser’s question covers. */
const QUESTION_PIXELS = 20_000;

/** Why no display can be had on this machine; null when one can. */
export function displayMissing(): string | null {
  const absent = ['Xvfb', 'xdotool'].filter((program) => {
    try {
      execFileSync('which', [program], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  return absent.length === 0 ? null : `${absent.join(' and ')} missing`;
}

export class Display {
  private browser: ChildProcess | null = null;

  private constructor(
    private readonly server: ChildProcess,
    private readonly name: string,
    private readonly folder: string,
  ) {}

  static async start(): Promise<Display> {
    const folder = mkdtempSync(join(tmpdir(), 'allotment-display-'));
    const size = `${WIDTH}x${HEIGHT}x24`;
    const server = spawn(
      'Xvfb',
      ['-displayfd', '3', '-screen', '0', size, '-nolisten', 'tcp', '-fbdir', folder],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
    );
    const number = await new Promise<string>((done, failed) => {
      server.once('error', failed);
      server.once('exit', () => failed(new Error('the display server did not start')));
      server.stdio[3]!.once('data', (line: Buffer) => done(line.toString().trim()));
    });
    return new Display(server, `:${number}`, folder);
  }

  /** The folder where the browser's dialogs begin. */
  get home(): string {
    return this.folder;
  }

  /** Opens the browser of this display's profile, which is kept from one start to the next. */
  async open(): Promise<Page> {
    const profile = join(this.folder, 'profile');
    rmSync(join(profile, 'DevToolsActivePort'), { force: true });
    const browser = spawn(
      process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      [
        '--no-sandbox',
        // No bar on top that says what is missing with the flag above.
        '--test-type',
        '--disable-gpu',
        '--no-first-run',
        // Nothing of its own to say after a kill.
        '--hide-crash-restore-bubble',
        '--no-default-browser-check',
        '--disable-background-networking',
        '--disable-sync',
        '--lang=en-US',
        `--window-size=${WIDTH},${HEIGHT}`,
        '--window-position=0,0',
        '--remote-debugging-port=0',
        `--user-data-dir=${profile}`,
        'about:blank',
      ],
      { env: this.environment, stdio: 'ignore', detached: true },
    );
    this.browser = browser;
    const port = await eventually('the browser', () => {
      const line = readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n')[0];
      return line === undefined || line === '' ? null : line;
    });
    const connected = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    const context = connected.contexts()[0]!;
    return context.pages()[0] ?? (await context.newPage());
  }

  private get environment(): NodeJS.ProcessEnv {
    return { ...process.env, DISPLAY: this.name, LANG: 'C.UTF-8', HOME: this.folder };
  }

  /** Ends the browser as a person does, so that its profile is written down. */
  async close(): Promise<void> {
    const { browser } = this;
    this.browser = null;
    if (browser === null || browser.exitCode !== null || browser.signalCode !== null) return;
    const ended = new Promise<void>((done) => browser.once('exit', () => done()));
    process.kill(-browser.pid!, 'SIGTERM');
    await ended;
  }

  /** Ends the browser as a crash of the machine does, all its processes at once. */
  async kill(): Promise<void> {
    const { browser } = this;
    this.browser = null;
    if (browser === null) return;
    const ended = new Promise<void>((done) => browser.once('exit', () => done()));
    process.kill(-browser.pid!, 'SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    await this.close();
    this.server.kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
  }

  /** Chooses a folder in the directory dialog that `press` opens, and lets the page write to it. */
  async pick(folder: string, press: () => Promise<void>): Promise<void> {
    await this.choose(folder, press);
    // “Don’t allow” has the focus, “Allow” comes next.
    await this.hand('key', 'Tab');
    await this.still();
    await this.hand('key', 'Return');
  }

  /** Chooses the name of a file that is saved into `home`, in the dialog that `press` opens. */
  async saveTo(name: string, press: () => Promise<void>): Promise<void> {
    await press();
    await eventually('the dialog for a file', () => this.dialog(SAVE_DIALOG));
    await this.still();
    await this.hand('key', 'ctrl+a');
    await this.hand('type', '--delay', '20', name);
    await this.still();
    await eventually('the end of the dialog', async () => {
      await this.hand('key', 'alt+s');
      await pause(1_000);
      return (await this.dialog(SAVE_DIALOG)) === null || null;
    });
  }

  /** Chooses a folder like `pick`, and does not let the page write to it. */
  async pickAndRefuse(folder: string, press: () => Promise<void>): Promise<void> {
    await this.choose(folder, press);
    await this.hand('key', 'Return');
  }

  /** Up to the browser's question whether the page may write. */
  private async choose(folder: string, press: () => Promise<void>): Promise<void> {
    const before = this.upper();
    await press();
    await eventually('the directory dialog', () => this.dialog(FOLDER_DIALOG));
    await this.hand('type', '--delay', '20', `${folder}/`);
    // The dialog completes what is typed; a key that comes too early changes that again.
    await this.still();
    await eventually('the end of the dialog', async () => {
      await this.hand('key', 'alt+o');
      await pause(1_000);
      return (await this.dialog(FOLDER_DIALOG)) === null || null;
    });
    await this.question(before);
  }

  private async dialog(title: string): Promise<string | null> {
    try {
      return await this.hand('search', '--onlyvisible', '--name', title);
    } catch {
      return null;
    }
  }

  /** Answers yes, for this time, to the browser's question about a folder of an earlier visit, which `press` raises. */
  async allow(press: () => Promise<void>): Promise<void> {
    await this.raise(press);
    const [first] = this.buttons();
    if (first !== undefined) return this.click(first);
    await this.hand('key', 'Tab');
    await this.still();
    await this.hand('key', 'Return');
  }

  /** Answers “Don’t allow” to it. */
  async refuse(press: () => Promise<void>): Promise<void> {
    await this.raise(press);
    const last = this.buttons().at(-1);
    if (last !== undefined) return this.click(last);
    await this.hand('key', 'Return');
  }

  /**
   * Waits for the question: below the address bar with three buttons, “Don’t allow” the last; once it was refused, in
   * the middle with two, of which “Don’t allow” has the focus.
   */
  private async raise(press: () => Promise<void>): Promise<void> {
    const before = this.upper();
    await press();
    await this.question(before);
  }

  /** Waits until the browser's question covers what was there before, and stands still. */
  private async question(before: Buffer): Promise<void> {
    await eventually('the browser’s question', async () => {
      await this.still();
      return differing(before, this.upper()) > QUESTION_PIXELS || null;
    });
  }

  private async click(y: number): Promise<void> {
    await this.hand('mousemove', String(QUESTION.left + BUTTON_EDGE), String(y), 'click', '1');
  }

  /** Middles (y) of the question's buttons: bands of one colour, as high as buttons, three or more of the same. */
  private buttons(): number[] {
    const bands = new Map<string, number[]>();
    let begun = QUESTION.top;
    const colour = (y: number): string => {
      const x = QUESTION.left + BUTTON_EDGE;
      return this.pixels(x, x + 1, y, y + 1).toString('hex');
    };
    for (let y = begun + 1; y < QUESTION.bottom; y += 1) {
      if (colour(y) === colour(begun)) continue;
      if (y - begun >= 24 && y - begun <= 48) {
        const same = bands.get(colour(begun)) ?? [];
        bands.set(colour(begun), [...same, (begun + y) >> 1]);
      }
      begun = y;
    }
    return [...bands.values()].find((middles) => middles.length >= 3) ?? [];
  }

  /** Waits until half a second has passed in which nothing moved where the browser asks. */
  private async still(): Promise<void> {
    for (let before = this.upper(); ;) {
      await pause(500);
      const now = this.upper();
      if (now.equals(before)) return;
      before = now;
    }
  }

  /** What is drawn in the upper part of the screen, where the browser asks. */
  private upper(): Buffer {
    return this.pixels(0, WIDTH, 0, 400);
  }

  /** What is drawn there, out of the server's memory, which is an X window dump. */
  private pixels(left: number, right: number, top: number, bottom: number): Buffer {
    const dump = readFileSync(join(this.folder, 'Xvfb_screen0'));
    const start = dump.readUInt32BE(0) + 12 * dump.readUInt32BE(76);
    const perLine = dump.readUInt32BE(48);
    const lines: Buffer[] = [];
    for (let y = top; y < bottom; y += 1)
      lines.push(dump.subarray(start + y * perLine + left * 4, start + y * perLine + right * 4));
    return Buffer.concat(lines);
  }

  private async hand(...movement: string[]): Promise<string> {
    return (await promisify(execFile)('xdotool', movement, { env: this.environment })).stdout;
  }
}

/** How many pixels of two pictures of one size differ. */
function differing(one: Buffer, other: Buffer): number {
  let count = 0;
  for (let at = 0; at < one.length; at += 4) if (one.readUInt32LE(at) !== other.readUInt32LE(at)) count += 1;
  return count;
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** What `look` returns once that is not null; what it throws is nothing yet. */
async function eventually<T>(what: string, look: () => Promise<T | null> | T | null): Promise<T> {
  let found: T | null = null;
  await expect(async () => {
    found = await look();
    expect(found, what).not.toBeNull();
  }).toPass({ timeout: 60_000, intervals: [200] });
  return found!;
}
