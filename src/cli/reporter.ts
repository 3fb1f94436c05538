/** What `sync` and `farm` print while they go on. */
import type { FarmView, NodeSnapshot } from '../node/api.ts';
import { farmTotals } from '../node/farm-totals.ts';
import { print } from './output.ts';

/** Prints what changed from one snapshot to the next: phases, heads, blocks won, refusals, sectors, slots, notices. */
export class Reporter {
  private best = -1;
  private standing = '';
  private readonly seen = new Set<string>();

  report(snapshot: NodeSnapshot): void {
    const { chain, farms, notices } = snapshot;
    this.reportStanding(snapshot);
    if (chain?.best != null && chain.best.number !== this.best) {
      this.best = chain.best.number;
      const { finalized, target, headersPerSecond } = chain;
      print('head', { ...chain.best, finalized: finalized?.number ?? 0, target, headersPerSecond });
    }
    const begun = chain?.beginning ?? null;
    if (begun !== null) this.once(`g${JSON.stringify(begun)}`, () => print('begun', begun));
    for (const refusal of chain?.refusals.toReversed() ?? []) {
      this.once(`r${refusal.at}${refusal.hash}`, () => print('refusal', { ...refusal }));
    }
    for (const block of chain?.blocks.filter(({ own }) => own).toReversed() ?? []) {
      this.once(`b${block.hash}`, () => print('won', { number: block.number, hash: block.hash }));
    }
    for (const each of farms) this.reportFarm(each);
    // Those of earlier runs are no news.
    for (const notice of notices.filter(({ at }) => at >= performance.timeOrigin).toReversed()) {
      this.once(`n${notice.id}`, () =>
        process.stderr.write(`${new Date(notice.at).toISOString()} ${notice.text}\n`),
      );
    }
  }

  /** Phases and what is wrong; a cause that only words itself differently is no news. */
  private reportStanding({ chain, farms, failure }: NodeSnapshot): void {
    const { phase: farm, cause: farmCause } = farmTotals(farms);
    const phase = chain?.phase ?? 'offline';
    const cause = failure ?? chain?.cause ?? farmCause;
    const standing = `${phase} ${farm} ${cause?.code}`;
    if (standing === this.standing) return;
    this.standing = standing;
    print('phase', { chain: phase, farm, cause: cause?.sentence });
  }

  private reportFarm({ id, history, sectors }: FarmView): void {
    for (const outcome of history.toReversed()) {
      this.once(`s${id}${outcome.slot}${outcome.outcome}${outcome.at}`, () =>
        print('slot', { farm: id, ...outcome }),
      );
    }
    for (const { index, state, historySize, error } of sectors) {
      this.once(`p${id}${index}${state}${historySize}`, () =>
        print('sector', { farm: id, index, state, error }),
      );
    }
  }

  private once(key: string, say: () => void): void {
    if (this.seen.has(key)) return;
    this.seen.add(key);
    say();
  }
}
