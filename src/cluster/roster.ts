/** Everybody in a cluster, as far as their broadcasts tell: who is there, who works on what, who is slow or gone. */
import { clusterMessages } from '../protocol/cluster/messages.ts';
import type { FarmingNotification, SectorPlottingDetails, Ulid } from '../protocol/cluster/values.ts';
import { ANNOUNCE_FARM_MS, ANNOUNCE_MS } from '../protocol/cluster/times.ts';
import type { ClusterConnection } from './connection.ts';
import type { FarmSeen, RosterView, SectorSeen, Presence } from './roster-view.ts';

/** Members gone for so long are no longer shown. */
const DROP_MS = 15 * 60_000;
/** An announcement that is late by less than a third of its interval says nothing. */
const QUIET_INTERVALS = 4 / 3;
const GONE_INTERVALS = 2;
const ASK_PLOTTERS_MS = 10_000;
/** Members and sectors kept of each kind, so that nobody fills the memory of who watches. */
const MAX_KEPT = 2_000;
const MAX_SECTORS = 200;
const MEDIAN_OF = 20;

/** Of a clock that nobody sets, as all times in here. */
interface Seen {
  lastSeen: number;
}

interface ControllerRecord extends Seen {
  slot: bigint;
  /** When that slot was heard of first. */
  slotAt: number;
  /** Milliseconds between its last slots. */
  slotGaps: number[];
}

interface FarmRecord extends Seen {
  farmer: Ulid | null;
  total: number | null;
  plotted: number | null;
  auditMs: number | null;
  proofs: { good: number; late: number; failed: number };
  solutions: number;
  error: string | null;
  sectors: Map<number, { stage: SectorSeen['stage']; since: number }>;
}

export class ClusterRoster {
  private readonly controllers = new Map<string, ControllerRecord>();
  private readonly caches = new Map<Ulid, Seen & { capacity: number; program: Ulid | null }>();
  private readonly cachePrograms = new Map<Ulid, Ulid[]>();
  private readonly farmers = new Map<Ulid, Ulid[]>();
  private readonly farms = new Map<Ulid, FarmRecord>();
  private readonly plotters = new Map<string, Seen>();
  private readonly sectorSeconds: number[] = [];
  private readonly stopping = new AbortController();
  private off: (() => void)[] = [];
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly connection: ClusterConnection,
    private readonly changed: () => void,
  ) {}

  start(): void {
    const { connection } = this;
    const messages = clusterMessages;
    this.off = [
      connection.listen(messages.slotInfo, ({ slotInfo, instance }) =>
        this.onSlot(instance, slotInfo.slotNumber),
      ),
      connection.listen(messages.pieceCacheIdentify, ({ pieceCacheId, maxNumElements }) =>
        this.onCache(pieceCacheId, maxNumElements, null),
      ),
      connection.listen(messages.cacheIdentify, (id) => void this.onCacheProgram(id)),
      connection.listen(messages.farmIdentify, ({ farmId, totalSectorsCount }) =>
        this.onFarm(farmId, totalSectorsCount, null),
      ),
      connection.listen(messages.farmerIdentify, (id) => void this.onFarmer(id)),
      connection.listen(messages.sectorUpdate, ({ farmId, sectorIndex, update }) => {
        if (update.kind === 'plotting') this.onPlotting(this.farm(farmId), sectorIndex, update.details);
      }),
      connection.listen(messages.farmingNotification, ({ farmId, notification }) =>
        this.onNews(this.farm(farmId), notification),
      ),
      connection.listen(messages.solutionResponse, ({ farmId }) => {
        this.farm(farmId).solutions += 1;
        this.changed();
      }),
    ];
    // Members say who they are when they are asked, as a controller does when it starts.
    connection.publish(messages.identifyFarmers, null);
    this.timer = setInterval(() => void this.askPlotters(), ASK_PLOTTERS_MS);
    void this.askPlotters();
  }

  stop(): void {
    this.stopping.abort(new DOMException('the cluster was left', 'AbortError'));
    for (const off of this.off.splice(0)) off();
    if (this.timer !== null) clearInterval(this.timer);
  }

  view(): RosterView {
    const slotMs = this.slotMs();
    const sectorSeconds = median(this.sectorSeconds);
    return {
      controllers: [...this.controllers].map(([id, { slot, lastSeen }]) => ({
        id,
        slot: slot.toString(),
        presence: presenceOf(lastSeen),
        lastSeen: byClock(lastSeen),
      })),
      caches: [...this.caches].map(([id, { capacity, lastSeen }]) => ({
        id,
        capacity,
        presence: presenceOf(lastSeen),
        lastSeen: byClock(lastSeen),
      })),
      farms: [...this.farms].map(([id, farm]) => this.viewOf(id, farm, slotMs, sectorSeconds)),
      plotters: [...this.plotters].map(([id, { lastSeen }]) => ({ id, lastSeen: byClock(lastSeen) })),
      slotMs,
      sectorSeconds,
    };
  }

  private viewOf(
    id: Ulid,
    { farmer, total, plotted, auditMs, proofs, solutions, error, lastSeen, sectors }: FarmRecord,
    slotMs: number | null,
    sectorSeconds: number | null,
  ): FarmSeen {
    const now = performance.now();
    const underWay = [...sectors].map(([index, { stage, since }]) => ({
      index,
      stage,
      since: byClock(since),
      slow: sectorSeconds !== null && now - since > 2_000 * sectorSeconds + 10_000,
    }));
    const slow: string[] = [];
    if (slotMs !== null && auditMs !== null && auditMs > slotMs / 2)
      slow.push('Its audits take more than half a slot.');
    if (proofs.late > proofs.good) slow.push('More of its proofs come too late than in time.');
    if (underWay.some((sector) => sector.slow)) slow.push('A sector takes twice as long as usual.');
    const presence = presenceOf(lastSeen, farmer === null ? ANNOUNCE_FARM_MS : ANNOUNCE_MS);
    return {
      id,
      farmer,
      total,
      plotted,
      auditMs,
      proofs: { ...proofs },
      solutions,
      error,
      presence,
      lastSeen: byClock(lastSeen),
      sectors: underWay,
      slow,
    };
  }

  /** Each controller's slots are held against its own, so that one with wrong ones speaks for itself only. */
  private slotMs(): number | null {
    const told = [...this.controllers.values()].map(({ slotGaps }) => median(slotGaps));
    return median(told.filter((ms) => ms !== null));
  }

  private onSlot(instance: string, slot: bigint): void {
    const id = instance.slice(0, 100);
    const now = performance.now();
    const known = this.controllers.get(id);
    if (known === undefined) {
      put(this.controllers, id, { slot, slotAt: now, slotGaps: [], lastSeen: now });
    } else {
      if (slot > known.slot) {
        remember(known.slotGaps, now - known.slotAt);
        known.slotAt = now;
      }
      known.slot = slot;
      known.lastSeen = now;
    }
    this.changed();
  }

  private onCache(id: Ulid, capacity: number, program: Ulid | null): void {
    const known = this.caches.get(id);
    put(this.caches, id, {
      capacity,
      program: program ?? known?.program ?? null,
      lastSeen: performance.now(),
    });
    this.changed();
  }

  private onCacheProgram(id: Ulid): Promise<void> {
    return this.askOnce(this.cachePrograms, id, this.caches, async (options) => {
      const found: Ulid[] = [];
      for await (const details of this.connection.stream(clusterMessages.cacheDetails, null, options)) {
        found.push(details.pieceCacheId);
        this.onCache(details.pieceCacheId, details.maxNumElements, id);
      }
      return found;
    });
  }

  private onFarmer(id: Ulid): Promise<void> {
    return this.askOnce(this.farmers, id, this.farms, async (options) => {
      const found: Ulid[] = [];
      for await (const details of this.connection.stream(clusterMessages.farmDetails, null, options)) {
        found.push(details.farmId);
        this.onFarm(details.farmId, details.totalSectorsCount, id);
      }
      return found;
    });
  }

  /** Asks a program what belongs to it when it is first heard of, and again while that is nothing; later it is alive. */
  private async askOnce(
    programs: Map<Ulid, Ulid[]>,
    id: Ulid,
    members: ReadonlyMap<Ulid, Seen>,
    ask: (options: { instance: Ulid; signal: AbortSignal }) => Promise<Ulid[]>,
  ): Promise<void> {
    const known = programs.get(id);
    for (const member of known ?? []) this.touch(members.get(member));
    if (known !== undefined) return;
    put(programs, id, []);
    const found = await ask({ instance: id, signal: this.stopping.signal }).catch(() => []);
    if (found.length > 0) put(programs, id, found);
    else programs.delete(id);
  }

  private onFarm(id: Ulid, total: number, farmer: Ulid | null): void {
    const farm = this.farm(id);
    farm.total = total;
    farm.farmer = farmer ?? farm.farmer;
    this.changed();
  }

  /** The farm of that id, which was heard of just now. */
  private farm(id: Ulid): FarmRecord {
    const known = this.farms.get(id);
    this.touch(known);
    if (known !== undefined) return known;
    const farm: FarmRecord = {
      farmer: null,
      total: null,
      plotted: null,
      auditMs: null,
      proofs: { good: 0, late: 0, failed: 0 },
      solutions: 0,
      error: null,
      sectors: new Map(),
      lastSeen: performance.now(),
    };
    put(this.farms, id, farm);
    return farm;
  }

  private touch(seen: Seen | undefined): void {
    if (seen !== undefined) seen.lastSeen = performance.now();
  }

  private onPlotting(farm: FarmRecord, sector: number, details: SectorPlottingDetails): void {
    const now = performance.now();
    const since = farm.sectors.get(sector)?.since ?? now;
    if (details.kind === 'finished') {
      farm.sectors.delete(sector);
      remember(this.sectorSeconds, Number(details.time / 1_000_000n) / 1_000);
      farm.error = null;
      if (details.oldPlottedSector === null && farm.plotted !== null) farm.plotted += 1;
    } else if (details.kind === 'error') {
      farm.sectors.delete(sector);
      farm.error = details.error.slice(0, 300);
    } else if (farm.sectors.size < MAX_SECTORS || farm.sectors.has(sector)) {
      farm.sectors.set(sector, {
        stage: stageOf(details.kind),
        since: details.kind === 'starting' ? now : since,
      });
    }
    this.changed();
  }

  private onNews(farm: FarmRecord, news: FarmingNotification): void {
    if (news.kind === 'auditing') {
      farm.plotted = news.sectors;
      farm.auditMs = Number(news.time / 1_000n) / 1_000;
    } else if (news.kind === 'proving') {
      const { proofs } = farm;
      if (news.result === 'success') proofs.good += 1;
      else if (news.result === 'timeout') proofs.late += 1;
      else proofs.failed += 1;
    } else {
      farm.error = news.error.slice(0, 300);
    }
    this.changed();
  }

  /** Plotters announce nothing: one that is free says so when it is asked, busy ones show as sectors under way. */
  private async askPlotters(): Promise<void> {
    const options = { signal: this.stopping.signal, retryMs: 0, timeoutMs: 2_000 };
    const id = await this.connection.request(clusterMessages.freePlotter, null, options).catch(() => null);
    if (id !== null) put(this.plotters, id.slice(0, 100), { lastSeen: performance.now() });
    for (const seen of [this.controllers, this.caches, this.farms, this.plotters])
      for (const [key, { lastSeen }] of seen) if (performance.now() - lastSeen > DROP_MS) seen.delete(key);
    this.changed();
  }
}

/** `every`: milliseconds between a member's announcements. */
function presenceOf(lastSeen: number, every = ANNOUNCE_MS): Presence {
  const intervals = (performance.now() - lastSeen) / every;
  return intervals > GONE_INTERVALS ? 'gone' : intervals > QUIET_INTERVALS ? 'quiet' : 'here';
}

/** A moment in here as this device's clock has it: milliseconds since the epoch. */
function byClock(at: number): number {
  return Math.round(Date.now() - performance.now() + at);
}

function stageOf(kind: SectorPlottingDetails['kind']): SectorSeen['stage'] {
  if (kind === 'starting' || kind === 'downloading') return 'downloading';
  return kind === 'downloaded' || kind === 'encoding' ? 'encoding' : 'writing';
}

function put<K, V>(map: Map<K, V>, key: K, value: V): void {
  if (map.size < MAX_KEPT || map.has(key)) map.set(key, value);
}

function remember(values: number[], value: number): void {
  values.push(value);
  if (values.length > MEDIAN_OF) values.shift();
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
