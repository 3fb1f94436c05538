import { ANNOUNCE_MS, ANNOUNCE_PAUSE_MS } from '../protocol/cluster/times.ts';
import type { ClusterConnection } from './connection.ts';

/** Says that a member is there: at once, when the cluster is joined again, when asked, and every 30 s. */
export class Announcer {
  private timer: ReturnType<typeof setInterval> | null = null;
  private delayed: ReturnType<typeof setTimeout> | null = null;
  private last = -Infinity;
  private off: (() => void)[] = [];

  constructor(
    private readonly connection: ClusterConnection,
    private readonly announce: () => void,
  ) {}

  /** `asked` subscribes to whatever asks members to say who they are. */
  start(asked: (again: () => void) => () => void): void {
    this.off = [
      asked(() => this.again()),
      this.connection.onState((state) => state === 'connected' && this.again()),
    ];
    this.timer = setInterval(() => this.again(), ANNOUNCE_MS);
    this.again();
  }

  /** Announces, once a second at most; what comes faster is made up for. */
  again(): void {
    if (this.delayed !== null) return;
    const wait = this.last + ANNOUNCE_PAUSE_MS - performance.now();
    if (wait > 0) {
      this.delayed = setTimeout(() => {
        this.delayed = null;
        this.again();
      }, wait);
      return;
    }
    this.last = performance.now();
    this.announce();
  }

  stop(): void {
    for (const off of this.off.splice(0)) off();
    if (this.timer !== null) clearInterval(this.timer);
    if (this.delayed !== null) clearTimeout(this.delayed);
    this.timer = null;
    this.delayed = null;
  }
}
