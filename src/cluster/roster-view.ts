/** What a screen shows of a cluster: structured-cloneable; times are milliseconds since the epoch. */

/** `quiet`: its announcement is late; `gone`: not heard of for a minute. */
export type Presence = 'here' | 'quiet' | 'gone';

interface Member {
  id: string;
  presence: Presence;
  lastSeen: number;
}

export interface SectorSeen {
  index: number;
  stage: 'downloading' | 'encoding' | 'writing';
  since: number;
  slow: boolean;
}

export interface FarmSeen extends Member {
  /** The program that it belongs to; null where it announces itself. */
  farmer: string | null;
  /** Sectors it is to have, and has; null while not known. */
  total: number | null;
  plotted: number | null;
  auditMs: number | null;
  proofs: { good: number; late: number; failed: number };
  /** Solutions that it sent since this tab watches. */
  solutions: number;
  error: string | null;
  /** Under way. */
  sectors: SectorSeen[];
  /** Sentences that say in what it is slow. */
  slow: string[];
}

export interface RosterView {
  controllers: (Member & { slot: string })[];
  caches: (Member & { capacity: number })[];
  farms: FarmSeen[];
  /** Heard of while they were free. */
  plotters: { id: string; lastSeen: number }[];
  slotMs: number | null;
  sectorSeconds: number | null;
}
