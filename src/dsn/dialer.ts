/**
 * Dials peers the way they like: peers turn away whoever connects too often from one host, another tab of this machine
 * or of the same router counted, and close lines that nobody uses. So dials of a peer are paced, one that was turned away
 * is made again after a while, and a peer that cannot be reached is left alone for a moment.
 */
import type { Connection } from '@libp2p/interface';
import { backOff } from '../async/back-off.ts';
import { pause } from '../async/pause.ts';
import { unlessAborted } from '../async/unless-aborted.ts';
import { DsnError } from './errors.ts';

/** Dials of one peer in a second: peers of this library take five from a host, and others may dial from here, too. */
const DIALS_IN_WINDOW = 3;
const WINDOW_MS = 1_000;
/** Dials until one that is turned away again and again has failed. */
const ATTEMPTS = 4;
/** Wait after the first failure in a row; it doubles with each further one. */
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 30_000;
/** Waits vary by so much, lest tabs that were turned away together come back together. */
const JITTER = 0.3;
const MAX_PEERS = 500;

/** How libp2p says that a peer took the line and hung up before it said who it is. */
const TURNED_AWAY = new Set(['EncryptionFailedError', 'UnexpectedEOFError']);

interface Record {
  /** Times of the latest dials, in milliseconds. */
  dials: number[];
  /** Failures in a row. */
  failures: number;
  /** Not dialled before. */
  until: number;
}

const REACHED = { failures: 0, until: 0 };

/** A peer that is being dialled, by however many who wait for it. */
interface Dialling {
  work: Promise<Connection>;
  waiting: number;
  stop: AbortController;
}

export class Dialer {
  private readonly records = new Map<string, Record>();
  private readonly under = new Map<string, Dialling>();

  /**
   * Connects to a peer; all who want the same one wait for the same line.
   *
   * @param peer What the peer is known by.
   * @param dial Dials once.
   * @param anyway Whether to dial a peer that could not be reached a moment ago, too; otherwise that fails at once.
   * @throws DsnError `unreachable` without a dial; what `dial` throws; the signal's reason.
   */
  async dial(
    peer: string,
    dial: (signal: AbortSignal) => Promise<Connection>,
    signal: AbortSignal,
    anyway: boolean,
  ): Promise<Connection> {
    signal.throwIfAborted();
    const dialling = this.under.get(peer) ?? this.begin(peer, dial, anyway);
    dialling.waiting += 1;
    try {
      return await unlessAborted(signal, dialling.work);
    } finally {
      dialling.waiting -= 1;
      if (dialling.waiting === 0) dialling.stop.abort(new DOMException('nobody waits', 'AbortError'));
    }
  }

  private begin(peer: string, dial: (signal: AbortSignal) => Promise<Connection>, anyway: boolean): Dialling {
    const record = this.recordOf(peer);
    if (anyway) record.until = 0;
    if (record.until > performance.now())
      throw new DsnError('unreachable', peer, 'it could not be reached a moment ago');
    const stop = new AbortController();
    const work = this.attempt(record, dial, stop.signal).finally(() => this.under.delete(peer));
    const dialling = { work, waiting: 0, stop };
    this.under.set(peer, dialling);
    return dialling;
  }

  private async attempt(
    record: Record,
    dial: (signal: AbortSignal) => Promise<Connection>,
    signal: AbortSignal,
  ): Promise<Connection> {
    for (let attempt = 1; ; attempt += 1) {
      await this.turn(record, signal);
      try {
        const connection = await dial(signal);
        Object.assign(record, REACHED);
        return connection;
      } catch (error) {
        signal.throwIfAborted();
        this.failed(record);
        if (!wasTurnedAway(error) || attempt >= ATTEMPTS) throw error;
      }
    }
  }

  /** There is a line to this peer, whoever began it. */
  reached(peer: string): void {
    const record = this.records.get(peer);
    if (record !== undefined) Object.assign(record, REACHED);
  }

  private recordOf(peer: string): Record {
    const record = this.records.get(peer) ?? { dials: [], ...REACHED };
    this.records.delete(peer);
    this.records.set(peer, record);
    if (this.records.size > MAX_PEERS) this.records.delete(this.records.keys().next().value ?? '');
    return record;
  }

  private failed(record: Record): void {
    const wait = backOff(record.failures, FIRST_WAIT_MS, LAST_WAIT_MS);
    record.failures += 1;
    record.until = performance.now() + wait * (1 + JITTER * Math.random());
  }

  /** Waits until the peer may be dialled. */
  private async turn(record: Record, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const now = performance.now();
      record.dials = record.dials.filter((at) => at > now - WINDOW_MS);
      const full = record.dials.length >= DIALS_IN_WINDOW ? record.dials[0]! + WINDOW_MS : 0;
      const next = Math.max(full, record.until);
      if (next <= now) break;
      await pause(next - now, signal);
    }
    record.dials.push(performance.now());
  }
}

/** Whether a peer, or one of its addresses, took the line and hung up at once. */
function wasTurnedAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const parts = error instanceof AggregateError ? (error.errors as unknown[]) : [error.cause];
  return TURNED_AWAY.has(error.name) || parts.some(wasTurnedAway);
}
