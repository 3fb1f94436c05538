/** What the person's own native helper verifies: proofs of time, at the processor's speed. */
import { onAbort } from '../async/on-abort.ts';
import { DecodeError } from '../protocol/errors.ts';
import type { HelperError } from './helper-error.ts';
import { HelperLink, type HelperOptions } from './helper-link.ts';
import {
  decodeVerdicts,
  MAX_ANSWER_BYTES,
  MAX_ITERATIONS,
  MAX_SLOTS,
  verifyCall,
  type HelperSlot,
} from './helper-messages.ts';

const GRACE_MS = 5_000;
/** Seconds of work, by the helper's own word, that one message carries, so that a stalled one is soon noticed. */
const BATCH_SECONDS = 2;
/** How much slower than its word the helper may be. */
const PATIENCE = 8;
/** Iterations a second that any helper reaches: a tab alone does as many. */
const LEAST_RATE = 50_000_000;
const MAX_WAITING_SLOTS = 65_536;

/** A call of `verify` until all its slots are judged. */
interface Request {
  verdicts: (number | null)[];
  missing: number;
  done(): void;
  failed(error: unknown): void;
}

interface WaitingSlot {
  request: Request;
  index: number;
  slot: HelperSlot;
}

export class HelperClient extends HelperLink {
  readonly maxIterations = MAX_ITERATIONS;
  private queue: WaitingSlot[] = [];

  constructor(options: HelperOptions) {
    super(options, MAX_ANSWER_BYTES);
    this.connect();
  }

  /**
   * For each claim the first wrong checkpoint (0..7), or null. Claims of calls side by side travel together.
   *
   * @throws HelperError when the helper is gone, stalled or refuses; the signal's reason.
   */
  verify(slots: readonly HelperSlot[], signal?: AbortSignal): Promise<(number | null)[]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.state !== 'ready') return reject(this.error('disconnected', 'not connected'));
      if (this.queue.length + slots.length > MAX_WAITING_SLOTS)
        return reject(this.error('refused', 'too many slots are waiting'));
      if (slots.length === 0) return resolve([]);
      const end = (): void => {
        leave();
        this.queue = this.queue.filter((waiting) => waiting.request !== request);
      };
      const request: Request = {
        verdicts: slots.map(() => null),
        missing: slots.length,
        done: () => {
          end();
          resolve(request.verdicts);
        },
        failed: (error) => {
          end();
          reject(error);
        },
      };
      const leave = onAbort(signal, () => request.failed(signal?.reason));
      slots.forEach((slot, index) => this.queue.push({ request, index, slot }));
      // Calls made in the same breath go into one message.
      queueMicrotask(() => void this.work());
    });
  }

  /** Sends what waits, one message at a time. */
  private async work(): Promise<void> {
    if (this.asking || this.state !== 'ready' || this.queue.length === 0) return;
    const { cores = 1, verifyRate = 0 } = this.info ?? {};
    const speed = Math.max(LEAST_RATE, cores * verifyRate);
    const batch = this.nextBatch(BATCH_SECONDS * speed);
    const iterations = batch.reduce((sum, { slot }) => sum + slot.iterations, 0);
    const limit =
      (this.options.graceMs ?? GRACE_MS) + (1_000 * iterations) / Math.max(LEAST_RATE, speed / PATIENCE);
    try {
      const call = verifyCall(batch.map(({ slot }) => slot));
      const verdicts = decodeVerdicts(await this.ask(call, limit), batch.length);
      this.worked();
      batch.forEach(({ request, index }, at) => {
        request.verdicts[index] = verdicts[at] as number | null;
        request.missing -= 1;
        if (request.missing === 0) request.done();
      });
      void this.work();
    } catch (error) {
      for (const { request } of batch) request.failed(this.asHelperError(error));
      this.fail(error);
    }
  }

  private nextBatch(most: number): WaitingSlot[] {
    let sum = 0;
    let count = 0;
    for (const { slot } of this.queue.slice(0, MAX_SLOTS)) {
      sum += slot.iterations;
      if (count > 0 && sum > most) break;
      count += 1;
    }
    return this.queue.splice(0, count);
  }

  protected override receiveBytes(): void {
    throw new DecodeError('helper-answer', 'a binary message where none is expected');
  }

  protected override released(reason: HelperError): void {
    for (const request of new Set(this.queue.map((waiting) => waiting.request))) request.failed(reason);
  }
}
