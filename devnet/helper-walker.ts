/**
 * Takes the walk of the local network from a native helper, and from its own thread while there is none. It says
 * when that changes.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { equal, toHex } from '../src/protocol/bytes.ts';
import { randomBytes } from '../src/crypto/random.ts';
import {
  decodeHelperAnswer,
  decodeHelperInfo,
  decodeWalk,
  encodeHelperCall,
  MAX_ANSWER_BYTES,
  type HelperAnswer,
  type HelperCall,
  type HelperInfo,
} from '../src/network/helper-messages.ts';
import type { Socket } from '../src/network/socket.ts';
import { openNodeSocket } from '../src/network/socket-node.ts';
import { messageOf } from '../src/protocol/errors.ts';
import type { HelperAddress } from './helper-program.ts';
import type { WalkSlot } from './timekeeper.ts';
import { walkSlot } from './walk.ts';

/** Patience with an answer that needs no walk, and beside a walk. */
const GRACE_MS = 10_000;
/** How much slower than its word the helper may walk. */
const PATIENCE = 8;
/** Iterations of the walk that a helper is tried with: a millisecond. */
const TRIAL_ITERATIONS = 16_000;
/** Between two tries to get a helper back. */
const RETRY_MS = 5_000;

/** Gives the helper to connect to, started first if need be; `stop` ends what was started. */
export type FindHelper = () => Promise<HelperAddress & { stop?(): void }>;

export interface HelperWalkerOptions {
  find: FindHelper;
  /** Walks while no helper does. */
  fallback: WalkSlot;
  log(line: string): void;
  /** Between two tries to get a helper back; differs in tests only. */
  retryMs?: number;
}

export class HelperWalker {
  private link: Link | null = null;
  private readonly closing = new AbortController();

  private constructor(private readonly options: HelperWalkerOptions) {}

  /** Connects to the helper; where that fails, the fallback walks until a later try succeeds. */
  static async start(options: HelperWalkerOptions): Promise<HelperWalker> {
    const walker = new HelperWalker(options);
    await walker.connect().catch((error: unknown) => walker.lost(error));
    return walker;
  }

  readonly walk: WalkSlot = async (seed, iterations) => {
    const { link } = this;
    if (link !== null) {
      try {
        return await link.prove(seed, iterations);
      } catch (error) {
        this.link = null;
        link.close();
        this.lost(error);
      }
    }
    return this.options.fallback(seed, iterations);
  };

  close(): void {
    this.closing.abort();
    this.link?.close();
  }

  private async connect(): Promise<void> {
    const link = await Link.open(await this.options.find());
    if (this.closing.signal.aborted) return link.close();
    this.link = link;
    const { implementation, proveRate } = link.info;
    this.options.log(
      `The helper keeps time (${link.url}, ${implementation}, ${Math.round(proveRate / 1e6)} million iterations a second).`,
    );
  }

  private lost(error: unknown): void {
    if (this.closing.signal.aborted) return;
    const reason = messageOf(error);
    this.options.log(`The helper does not keep time: ${reason}. The network walks by itself meanwhile.`);
    void this.retry();
  }

  private async retry(): Promise<void> {
    const { signal } = this.closing;
    while (this.link === null && !signal.aborted) {
      await pause(this.options.retryMs ?? RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.connect().catch(() => undefined);
    }
  }
}

/** One connection to a helper, paired and tried. */
class Link {
  private socket: Socket | null = null;
  private readonly waiting = new Map<
    number,
    { answered(answer: HelperAnswer): void; failed(error: Error): void }
  >();
  private nextId = 1;
  private ended: Error | null = null;
  private described: HelperInfo | null = null;

  private constructor(private readonly helper: HelperAddress & { stop?(): void }) {}

  get url(): string {
    return this.helper.url;
  }

  get info(): HelperInfo {
    if (this.described === null) throw new Error('not paired');
    return this.described;
  }

  /** Rejects, and stops what was started, where no helper answers, the code is another, or it walks wrongly. */
  static async open(helper: HelperAddress & { stop?(): void }): Promise<Link> {
    const link = new Link(helper);
    try {
      await link.connect();
      await link.greet();
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  async prove(seed: Uint8Array, iterations: number): Promise<Uint8Array> {
    const walkMs = (1000 * PATIENCE * iterations) / Math.max(1, this.info.proveRate);
    const call: HelperCall = { method: 'prove', params: { seed: toHex(seed), iterations } };
    return decodeWalk(resultOf(await this.ask(call, GRACE_MS + walkMs)));
  }

  close(): void {
    this.end(new Error('the connection was closed'));
    this.socket?.close();
    this.helper.stop?.();
  }

  private connect(): Promise<void> {
    return new Promise((opened, failed) => {
      this.socket = openNodeSocket(this.helper.url, MAX_ANSWER_BYTES, {
        open: opened,
        message: (text) => this.receive(text),
        close: (reason) => {
          this.end(new Error(reason));
          failed(new Error(reason));
        },
      });
    });
  }

  /** The code is given only to what answers as an unpaired helper does. */
  private async greet(): Promise<void> {
    const first = await this.ask({ method: 'info', params: {} }, GRACE_MS);
    if (first.kind !== 'refusal' || first.code !== 'not-paired')
      throw new Error('another program answers there');
    const call: HelperCall = { method: 'pair', params: { code: this.helper.code } };
    this.described = decodeHelperInfo(resultOf(await this.ask(call, GRACE_MS)));
    const seed = randomBytes(16);
    const walked = await this.prove(seed, TRIAL_ITERATIONS);
    if (!equal(walked, walkSlot(seed, TRIAL_ITERATIONS))) throw new Error('it walks wrongly');
  }

  private async ask(call: HelperCall, timeoutMs: number): Promise<HelperAnswer> {
    const id = this.nextId++;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((answered, failed) => {
        if (this.ended !== null) return failed(this.ended);
        timer = setTimeout(() => failed(new Error(`no answer to ${call.method}`)), timeoutMs);
        this.waiting.set(id, { answered, failed });
        this.socket?.send(encodeHelperCall(id, call));
      });
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  private receive(text: string): void {
    try {
      const answer = decodeHelperAnswer(text);
      this.waiting.get(answer.id ?? 0)?.answered(answer);
    } catch (error) {
      this.end(error as Error);
    }
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { failed } of this.waiting.values()) failed(error);
  }
}

function resultOf(answer: HelperAnswer): unknown {
  if (answer.kind === 'result') return answer.result;
  throw new Error(answer.message);
}
