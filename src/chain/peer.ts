/** A source as the light client judges it: what it announced, how it behaved, whether it is used at all. */
import { backOff } from '../async/back-off.ts';
import type { ChainSource } from '../network/source.ts';
import { equal } from '../protocol/bytes.ts';
import { headerHash } from '../protocol/header.ts';
import type { PotProof } from '../protocol/pot-proof.ts';
import type { Header } from '../protocol/types.ts';
import type { SourceStatus } from './snapshot.ts';

/** Announced headers that wait to be looked at; older ones make room. */
const MAX_ANNOUNCED = 64;
/** Announcements in `FLOOD_WINDOW_MS` beyond which a source is put off. */
const FLOOD_LIMIT = 400;
const FLOOD_WINDOW_MS = 10_000;
/** How long a source is left alone after a failure, and after a lie; twice as long each time, up to the last. */
const FIRST_REST_MS = 2_000;
const LAST_REST_MS = 60_000;
const FIRST_PENALTY_MS = 60_000;
const LAST_PENALTY_MS = 3_600_000;

/** A header that a source announced and nobody has verified. */
export interface Announcement {
  header: Header;
  /** 32 bytes. */
  hash: Uint8Array;
}

export interface PeerEvents {
  /** Something to look at came, or the connection changed. */
  changed(): void;
  /** It gossiped a proof of time, which nobody has verified. */
  heard(peer: Peer, proof: PotProof): void;
  /** The source broke a promise of the protocol that is not a block's. */
  lied(peer: Peer, rule: string, sentence: string): void;
}

export class Peer {
  /** Newest header that it called its best. */
  claimedBest: Announcement | null = null;
  /** When it was last asked for its best block, by the clock that nobody sets. */
  askedAt = Number.NEGATIVE_INFINITY;
  /** The claimed block that was looked into last, whatever came of it. */
  private settled: Uint8Array | null = null;
  /** Whether the connection failed since it was there last. */
  private lost: boolean;
  private announced: Announcement[] = [];
  private recentAnnouncements: number[] = [];
  private droppedUntil = Number.NEGATIVE_INFINITY;
  private droppedFor: string | null = null;
  private waitingFor: string | null = null;
  private waitUntil = Number.NEGATIVE_INFINITY;
  private lies = 0;
  private failures = 0;
  private readonly stops: (() => void)[] = [];

  constructor(
    readonly source: ChainSource,
    private readonly events: PeerEvents,
    private readonly elapsed: () => number,
  ) {
    this.lost = source.state === 'waiting';
    this.stops.push(
      source.onState(() => {
        if (source.state !== 'connecting') this.lost = source.state !== 'connected';
        events.changed();
      }),
    );
    this.stops.push(
      source.onHeader(
        (header) => this.announce(header),
        (error) =>
          this.malformed('decode-header', `announced a block that does not decode: ${error.message}`),
      ),
    );
    const stop = source.onProof?.(
      (proof) => {
        if (!this.dropped) events.heard(this, proof);
      },
      (error) =>
        this.malformed(
          'decode-proof-of-time',
          `gossiped a proof of time that does not decode: ${error.message}`,
        ),
    );
    if (stop !== undefined) this.stops.push(stop);
  }

  /** Name of the source, its address. */
  get name(): string {
    return this.source.name;
  }

  /** Whether it may be asked now. */
  get usable(): boolean {
    return this.source.state === 'connected' && this.wakesAt <= this.elapsed();
  }

  /** When it may be asked again, by that clock. */
  get wakesAt(): number {
    return Math.max(this.droppedUntil, this.waitUntil);
  }

  /** Whether it may still answer: it is being connected to, and that has not failed. */
  get awaited(): boolean {
    return this.source.state === 'connecting' && !this.lost && !this.dropped;
  }

  /** Whether it lied lately, and is left out for that. */
  get dropped(): boolean {
    return this.droppedUntil > this.elapsed();
  }

  /** Fewer failures and lies come first. */
  get penalty(): number {
    return this.failures + 10 * this.lies;
  }

  /** What is shown of it. */
  status(): SourceStatus {
    const best = this.claimedBest?.header.number ?? null;
    const url = this.name;
    if (this.dropped) return { url, state: 'dropped', best, reason: this.droppedFor };
    if (this.source.state !== 'connected') {
      const state = this.source.state === 'connecting' ? 'connecting' : 'waiting';
      return { url, state, best, reason: this.source.reason };
    }
    if (this.waitUntil > this.elapsed()) return { url, state: 'waiting', best, reason: this.waitingFor };
    return { url, state: 'connected', best, reason: null };
  }

  /** Takes the oldest announcement that was not looked at. */
  nextAnnouncement(): Announcement | null {
    return this.announced.shift() ?? null;
  }

  /** A claimed block was looked into; it is not looked into again. */
  doneWith({ hash }: Announcement): void {
    this.settled = hash;
  }

  /** Whether a claimed block is the one that was looked into last. */
  isDoneWith({ hash }: Announcement): boolean {
    return this.settled !== null && equal(this.settled, hash);
  }

  /** It lied: it is not used for a while, longer each time. */
  drop(sentence: string): void {
    this.droppedFor = sentence;
    this.droppedUntil = this.elapsed() + backOff(this.lies, FIRST_PENALTY_MS, LAST_PENALTY_MS);
    this.lies += 1;
    this.forget();
    this.events.changed();
  }

  /** It failed without lying: it is left alone for a while. */
  rest(sentence: string): void {
    this.waitingFor = sentence;
    this.waitUntil = this.elapsed() + backOff(this.failures, FIRST_REST_MS, LAST_REST_MS);
    this.failures += 1;
    this.events.changed();
  }

  /** It delivered what it promised. */
  praise(): void {
    this.failures = 0;
  }

  /** Listens to it no more, and closes its connection. */
  close(): void {
    for (const stop of this.stops) stop();
    this.source.close();
  }

  /** What comes while it is left out is no news. */
  private malformed(rule: string, what: string): void {
    if (!this.dropped) this.events.lied(this, rule, `The source ${what}`);
  }

  private announce(header: Header): void {
    if (this.dropped || this.isFlooding()) return;
    const announcement = { header, hash: headerHash(header) };
    const best = this.claimedBest?.header.number ?? -1;
    if (header.number >= best) this.claimedBest = announcement;
    this.announced.push(announcement);
    if (this.announced.length > MAX_ANNOUNCED) this.announced.shift();
    this.events.changed();
  }

  private isFlooding(): boolean {
    const now = this.elapsed();
    this.recentAnnouncements.push(now);
    if (this.recentAnnouncements.length <= FLOOD_LIMIT) return false;
    const oldest = this.recentAnnouncements.shift() as number;
    if (now - oldest > FLOOD_WINDOW_MS) return false;
    this.recentAnnouncements = [];
    this.events.lied(this, 'flood', 'The source flooded this app with announcements of blocks.');
    return true;
  }

  private forget(): void {
    this.announced = [];
    this.claimedBest = null;
  }
}
