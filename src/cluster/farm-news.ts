/** What a farm's slots brought, told to the cluster as it happens. */
import { Later } from '../async/later.ts';
import type { FarmingNotification, ProvingResult } from '../protocol/cluster/values.ts';
import type { Farm } from '../farm/farm.ts';
import type { Outcome } from '../farm/snapshot.ts';
import { durationOf } from './plotter.ts';

/** A farm that plots changes many times a second; its slots do not. */
const LOOK_MS = 200;
const REMEMBERED = 256;

const RESULTS: { [outcome in Outcome]?: ProvingResult } = {
  submitted: 'success',
  'won-block': 'success',
  'won-vote': 'success',
  missed: 'timeout',
  rejected: 'failed',
};

export class FarmNews {
  private readonly looking = new Later(() => this.look());
  private audited: number;
  private readonly told = new Set<string>();
  private stopped = false;

  constructor(
    private readonly farm: Farm,
    private readonly tell: (notification: FarmingNotification) => void,
  ) {
    this.audited = farm.snapshot().slots.audited;
    farm.onChange(() => {
      if (!this.stopped) this.looking.plan(LOOK_MS);
    });
  }

  stop(): void {
    this.stopped = true;
    this.looking.cancel();
  }

  private look(): void {
    const { slots, history, sectors, proofs } = this.farm.snapshot();
    if (slots.audited > this.audited && slots.lastAuditMs !== null) {
      const onDisk = sectors.filter(({ historySize }) => historySize !== null).length;
      this.tell({ kind: 'auditing', sectors: onDisk, time: durationOf(slots.lastAuditMs) });
    }
    this.audited = slots.audited;
    for (const { slot, sector, outcome, proveMs } of history) {
      const result = RESULTS[outcome];
      const key = `${slot} ${sector}`;
      // Slots that found nothing to prove are none of a prover's news.
      if (result === undefined || sector === null || this.told.has(key)) continue;
      this.told.add(key);
      if (this.told.size > REMEMBERED) this.told.delete(this.told.values().next().value ?? '');
      this.tell({ kind: 'proving', result, time: durationOf(proveMs ?? proofs.deadlineMs ?? 0) });
    }
  }
}
