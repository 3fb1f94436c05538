/** What the person's own native helper encodes: records of sectors, several at once. */
import { onAbort } from '../async/on-abort.ts';
import { DecodeError } from '../protocol/errors.ts';
import type { HelperError } from './helper-error.ts';
import { decodeFrame, encodeFrame, giveUpFrame, MAX_FRAME_BYTES } from './helper-frames.ts';
import { HelperLink, type HelperOptions } from './helper-link.ts';

/** Milliseconds without an answer, while some are waited for, after which a helper counts as stalled. */
const SILENCE_MS = 120_000;
/** Records asked for beside those that are encoded, so that no thread waits for the next one to arrive. */
const WAITING_RECORDS = 2;

export interface HelperEncoding {
  /** 8192 bytes. */
  bitfield: Uint8Array;
  /** 32768 chunks of 32 bytes in s-bucket order. */
  chunks: Uint8Array;
}

interface Waiting {
  done(encoding: HelperEncoding): void;
  failed(error: unknown): void;
}

export interface HelperPlotterOptions extends HelperOptions {
  /** Milliseconds; differs in tests only. */
  silenceMs?: number;
}

export class HelperPlotter extends HelperLink {
  private readonly waiting = new Map<number, Waiting>();
  private nextEncoding = 1;
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly plotterOptions: HelperPlotterOptions) {
    super(plotterOptions, MAX_FRAME_BYTES);
    this.connect();
  }

  /** Whether it takes records now. */
  get plots(): boolean {
    return this.state === 'ready' && this.encodings > 0;
  }

  /** Records that are best asked for at once. */
  get concurrency(): number {
    return this.encodings + Math.min(this.encodings, WAITING_RECORDS);
  }

  /** Records that it encodes at once. */
  get encodings(): number {
    return this.info?.plotting.encodings ?? 0;
  }

  /**
   * Encodes a record of 32768 canonical scalars (1 MiB) by the proof-of-space table of a 32-byte seed. The result is the
   * helper's word.
   *
   * @throws HelperError when the helper is gone, stalled or refuses; the signal's reason.
   */
  encode(evaluationSeed: Uint8Array, record: Uint8Array, signal?: AbortSignal): Promise<HelperEncoding> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (!this.plots) return reject(this.error('disconnected', 'not connected'));
      const id = this.nextEncoding++;
      const end = (): void => {
        leave();
        this.waiting.delete(id);
        this.listen();
      };
      this.waiting.set(id, {
        done: (encoding) => {
          end();
          resolve(encoding);
        },
        failed: (error) => {
          end();
          reject(error);
        },
      });
      const leave = onAbort(signal, () => {
        this.send(giveUpFrame(id));
        this.waiting.get(id)?.failed(signal?.reason);
      });
      this.send(encodeFrame(id, evaluationSeed, record));
      this.listen();
    });
  }

  /** Waits for the next answer, if one is due. */
  private listen(): void {
    clearTimeout(this.silence);
    if (this.waiting.size === 0) return;
    const { silenceMs = SILENCE_MS } = this.plotterOptions;
    this.silence = setTimeout(
      () => this.fail(this.error('stalled', `no encoding in ${silenceMs} ms`)),
      silenceMs,
    );
  }

  protected override receiveBytes(message: Uint8Array): void {
    const answer = decodeFrame(message);
    if (answer.id >= this.nextEncoding) throw new DecodeError('helper-encoding', 'unasked');
    // What was given up may be answered still.
    const waiting = this.waiting.get(answer.id);
    if (answer.kind === 'encoded') {
      this.worked();
      waiting?.done(answer);
    } else waiting?.failed(this.error('refused', answer.reason));
  }

  protected override released(reason: HelperError): void {
    for (const waiting of this.waiting.values()) waiting.failed(reason);
  }
}
