/** Questions to one peer that are asked at once: peers refuse more than a few, and each answer may be a piece. */
import { onAbort } from '../async/on-abort.ts';

/** Less than the sixteen of one peer that this project's peers answer at once: what is refused counts as missing. */
const AT_ONCE = 12;

export class Questions {
  private readonly asked = new Map<string, number>();
  private readonly waiting = new Map<string, (() => void)[]>();

  constructor(private readonly atOnce = AT_ONCE) {}

  /** Waits for a place among the questions to a peer. Resolves to what gives it up. Rejects with the signal's reason. */
  async enter(peer: string, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const asked = this.asked.get(peer) ?? 0;
    if (asked < this.atOnce) this.asked.set(peer, asked + 1);
    else await this.turn(peer, signal);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.leave(peer);
    };
  }

  /** Questions to a peer that are asked, or wait for it. */
  to(peer: string): number {
    return (this.asked.get(peer) ?? 0) + (this.waiting.get(peer)?.length ?? 0);
  }

  /** Who is next takes the place over. */
  private leave(peer: string): void {
    const next = this.waiting.get(peer)?.shift();
    if (next !== undefined) return next();
    const asked = (this.asked.get(peer) ?? 1) - 1;
    if (asked > 0) this.asked.set(peer, asked);
    else {
      this.asked.delete(peer);
      this.waiting.delete(peer);
    }
  }

  private turn(peer: string, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.waiting.get(peer) ?? [];
      this.waiting.set(peer, queue);
      const take = (): void => {
        leave();
        resolve();
      };
      const leave = onAbort(signal, () => {
        const at = queue.indexOf(take);
        if (at !== -1) queue.splice(at, 1);
        reject(signal?.reason as Error);
      });
      queue.push(take);
    });
  }
}
