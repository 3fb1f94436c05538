/** Auto Score v1: evidence of being one human, combined in whole numbers so that everyone gets the same. */
import { utf8 } from '../protocol/bytes.ts';
import { blake2b256 } from '../protocol/hash.ts';

const MIL = 1_000_000n;
const MAX_HALVINGS = 20;

export interface EvidenceRule {
  group: string;
  /** Parts per million. */
  weight_ppm: number;
  /** Seconds for which evidence counts in full, and after which it counts for nothing. */
  fresh_s: number;
  max_s: number;
}

/** What evidence is worth. Data with a version, replaced when the network defines its own. */
export interface ScorePolicy {
  version: string;
  types: Readonly<Record<string, EvidenceRule>>;
  /** Parts per million that a group can reach. */
  group_caps_ppm: Readonly<Record<string, number>>;
}

const DAY = 86_400;
const YEAR = 365 * DAY;

function rule(group: string, weight_ppm: number, fresh_s: number, max_s: number): EvidenceRule {
  return { group, weight_ppm, fresh_s, max_s };
}

export const POLICY_V1: ScorePolicy = {
  version: 'auto-score/1',
  types: {
    'epassport-zk+liveness': rule('government', 980_000, 180 * DAY, YEAR),
    'epassport-zk': rule('government', 900_000, YEAR, 5 * YEAR),
    'gov-vc': rule('government', 800_000, YEAR, 3 * YEAR),
    'bank-card': rule('financial', 350_000, 90 * DAY, YEAR),
    'tls-account': rule('social', 150_000, 30 * DAY, 180 * DAY),
    'oauth-account': rule('social', 80_000, 30 * DAY, 180 * DAY),
    'network-farming': rule('network', 200_000, 30 * DAY, 90 * DAY),
    'network-age': rule('network', 100_000, 30 * DAY, 90 * DAY),
    vouch: rule('vouch', 120_000, 90 * DAY, 180 * DAY),
    'reputation-vc': rule('reputation', 150_000, 90 * DAY, YEAR),
  },
  group_caps_ppm: {
    government: 980_000,
    financial: 450_000,
    social: 400_000,
    network: 300_000,
    vouch: 300_000,
    reputation: 250_000,
  },
};

export interface Evidence {
  id: string;
  type: string;
  /** Hex of 32 bytes: the same account at a service gives the same. */
  nullifier: string;
  /** Trust in whoever issued it, parts per million. */
  quality_ppm: number;
  /** Seconds since the epoch. */
  issued_at: number;
  expires_at: number | null;
  revoked: boolean;
}

export type ExclusionReason =
  'revoked' | 'not-yet-valid' | 'expired' | 'duplicate' | 'stale' | 'unknown-type';

export interface EvidenceResult {
  id: string;
  counted: boolean;
  /** Parts per million before the group's halving. */
  effective_ppm: number;
  reason: ExclusionReason | null;
}

export type ScoreLevel = 'highest' | 'high' | 'medium' | 'low' | 'none';

export interface Score {
  score_ppm: number;
  level: ScoreLevel;
  /** In the order of their ids. */
  evidence: EvidenceResult[];
  groups: Record<string, number>;
}

/** Nullifier of an account at a service: BLAKE2b-256 of “service:account”. 32 bytes. */
export function nullifierOf(service: string, account: string): Uint8Array {
  return blake2b256(utf8(`${service}:${account}`));
}

function freshness({ fresh_s, max_s }: EvidenceRule, age: number): bigint {
  if (age <= fresh_s) return MIL;
  if (age >= max_s) return 0n;
  return (MIL * BigInt(max_s - age)) / BigInt(max_s - fresh_s);
}

/** `miss` after one more independent chance `a`, rounded up. */
function missAfter(miss: bigint, a: bigint): bigint {
  return (miss * (MIL - a) + MIL - 1n) / MIL;
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function levelOf(score: bigint): ScoreLevel {
  if (score >= 950_000n) return 'highest';
  if (score >= 800_000n) return 'high';
  if (score >= 500_000n) return 'medium';
  return score >= 250_000n ? 'low' : 'none';
}

/** Score of the evidence at `now` (seconds), with what every piece and group contributed. */
export function computeScore(
  evidence: readonly Evidence[],
  now: number,
  policy: ScorePolicy = POLICY_V1,
): Score {
  const results: EvidenceResult[] = [];
  const seen = new Set<string>();
  const groups = new Map<string, { id: string; a: bigint }[]>();
  const ordered = evidence.toSorted(
    (x, y) => byText(x.type, y.type) || byText(x.nullifier, y.nullifier) || byText(x.id, y.id),
  );
  for (const item of ordered) {
    const known = Object.hasOwn(policy.types, item.type) ? policy.types[item.type]! : null;
    const account = `${item.type}\n${item.nullifier}`;
    const f = known === null ? 0n : freshness(known, now - item.issued_at);
    const reason = exclusion(item, now, known, seen.has(account), f);
    if (reason !== null || known === null) {
      results.push({ id: item.id, counted: false, effective_ppm: 0, reason: reason ?? 'unknown-type' });
      continue;
    }
    seen.add(account);
    const a = (BigInt(known.weight_ppm) * BigInt(item.quality_ppm) * f) / (MIL * MIL);
    groups.set(known.group, [...(groups.get(known.group) ?? []), { id: item.id, a }]);
    results.push({ id: item.id, counted: true, effective_ppm: Number(a), reason: null });
  }
  let miss = MIL;
  const totals: Record<string, number> = {};
  for (const [group, counted] of [...groups].sort(([a], [b]) => byText(a, b))) {
    const total = groupTotal(counted, BigInt(policy.group_caps_ppm[group] ?? 0));
    totals[group] = Number(total);
    miss = missAfter(miss, total);
  }
  const score = MIL - miss;
  return {
    score_ppm: Number(score),
    level: levelOf(score),
    evidence: results.sort((x, y) => byText(x.id, y.id)),
    groups: totals,
  };
}

function exclusion(
  item: Evidence,
  now: number,
  known: EvidenceRule | null,
  duplicate: boolean,
  f: bigint,
): ExclusionReason | null {
  if (known === null) return 'unknown-type';
  if (item.revoked) return 'revoked';
  if (item.issued_at > now) return 'not-yet-valid';
  if (item.expires_at !== null && item.expires_at <= now) return 'expired';
  if (duplicate) return 'duplicate';
  return f === 0n ? 'stale' : null;
}

/** What a group reaches: its strongest item in full, each further one at half the weight of the one before. */
function groupTotal(counted: readonly { id: string; a: bigint }[], cap: bigint): bigint {
  const ordered = counted.toSorted((x, y) => (x.a === y.a ? byText(x.id, y.id) : x.a > y.a ? -1 : 1));
  const miss = ordered.reduce(
    (left, { a }, index) => missAfter(left, a >> BigInt(Math.min(index, MAX_HALVINGS))),
    MIL,
  );
  return MIL - miss < cap ? MIL - miss : cap;
}
