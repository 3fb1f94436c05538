import { describe, expect, it } from 'vitest';
import { farmHealth } from './health.ts';

const slots = { audited: 9, missed: 0, lastAuditMs: 1, medianAuditMs: 100 as number | null };
const proofs = {
  underWay: 0,
  made: 3,
  accepted: 3,
  late: 0,
  rejected: 0,
  medianMs: 1_500 as number | null,
  deadlineMs: 4_000,
};

describe('the health of a farm', () => {
  it('is full when audits, proofs and solutions are in good time', () => {
    expect(farmHealth({ slots, proofs }, 1_000)).toEqual({ audit: 1, proof: 1, delivery: 1, score: 1 });
  });

  it('sinks with each of them, to nothing at the deadline', () => {
    const slow = farmHealth({ slots: { ...slots, medianAuditMs: 750 }, proofs }, 1_000);
    expect(slow).toEqual({ audit: 0.5, proof: 1, delivery: 1, score: 0.85 });
    const late = { ...proofs, accepted: 1, late: 2, rejected: 1, medianMs: 5_000 };
    expect(farmHealth({ slots, proofs: late }, 1_000)).toEqual({
      audit: 1,
      proof: 0,
      delivery: 0.25,
      score: 0.4,
    });
  });

  it('says nothing of what was not measured', () => {
    const none = { ...proofs, accepted: 0, medianMs: null };
    expect(farmHealth({ slots: { ...slots, medianAuditMs: null }, proofs: none }, null)).toEqual({
      audit: null,
      proof: null,
      delivery: null,
      score: null,
    });
  });
});
