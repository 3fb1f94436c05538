/** How well a farm keeps up, from what was measured: audits, proofs, solutions delivered. */
import type { FarmSnapshot } from './snapshot.ts';

/** Shares between 0 and 1; null while nothing was measured. */
export interface FarmHealth {
  /** 1 up to half a slot, 0 at a whole one. */
  audit: number | null;
  /** 1 up to 45 % of the time that the network waits, 0 at all of it. */
  proof: number | null;
  /** Share of winning slots whose solution the node took. */
  delivery: number | null;
  /** Mean of those that are known, in steps of 5 %. */
  score: number | null;
}

const AUDIT_EXCELLENT = 0.5;
const PROOF_EXCELLENT = 0.45;

/** `slotMs`: length of a slot in milliseconds; null while it is not known. */
export function farmHealth(
  { slots, proofs }: Pick<FarmSnapshot, 'slots' | 'proofs'>,
  slotMs: number | null,
): FarmHealth {
  const { accepted, late, rejected, medianMs, deadlineMs } = proofs;
  const tried = accepted + late + rejected;
  const parts = {
    audit: within(slots.medianAuditMs, slotMs, AUDIT_EXCELLENT),
    proof: within(medianMs, deadlineMs, PROOF_EXCELLENT),
    delivery: tried === 0 ? null : accepted / tried,
  };
  const known = Object.values(parts).filter((part) => part !== null);
  const mean = known.reduce((sum, part) => sum + part, 0) / known.length;
  return { ...parts, score: known.length === 0 ? null : Math.round(mean * 20) / 20 };
}

function within(ms: number | null, limitMs: number | null, excellent: number): number | null {
  if (ms === null || limitMs === null) return null;
  const best = limitMs * excellent;
  return Math.min(1, Math.max(0, 1 - (ms - best) / (limitMs - best)));
}
