/** The farms of a cluster as its controller knows them: who farms what, and which pieces their sectors hold. */
import { clusterMessages } from '../protocol/cluster/messages.ts';
import type { PlottedSector, Ulid } from '../protocol/cluster/values.ts';
import { FORGET_FARM_MS, FORGET_MS } from '../protocol/cluster/times.ts';
import type { PieceIndex, PieceOffset, SectorIndex } from '../protocol/types.ts';
import type { ClusterConnection } from './connection.ts';

interface Place {
  farm: Ulid;
  sector: SectorIndex;
  offset: PieceOffset;
}

interface KnownFarm {
  id: Ulid;
  sectors: number;
  lastSeen: number;
  /** Null where the farm announces itself. */
  farmer: Ulid | null;
  /** Whether its sectors may have changed unheard since they were read. */
  stale: boolean;
  /** By sector. */
  pieces: Map<SectorIndex, PieceIndex[]>;
}

/** A farm needs seconds to decode a piece, more when it is busy. */
const READ_TIMEOUT_MS = 60_000;

export class ControllerFarms {
  private readonly farms = new Map<Ulid, KnownFarm>();
  private readonly farmers = new Map<Ulid, Ulid[]>();
  private readonly places = new Map<PieceIndex, Place[]>();
  private readonly stopping = new AbortController();
  private off: (() => void)[] = [];
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly connection: ClusterConnection,
    private readonly log: (line: string) => void,
  ) {}

  start(): void {
    const { connection } = this;
    this.off = [
      connection.listen(clusterMessages.farmerIdentify, (id) => void this.onFarmer(id)),
      connection.listen(clusterMessages.farmIdentify, ({ farmId, totalSectorsCount }) =>
        this.onFarm(farmId, totalSectorsCount, null),
      ),
      connection.listen(clusterMessages.sectorUpdate, ({ farmId, update }) => {
        const farm = this.farms.get(farmId);
        if (farm === undefined) return;
        farm.lastSeen = performance.now();
        if (update.kind === 'plotting' && update.details.kind === 'finished')
          this.addSector(farm, update.details.plottedSector);
      }),
      // Away from the server, news of sectors are lost.
      connection.onState(() => {
        for (const farm of this.farms.values()) farm.stale = true;
      }),
    ];
    this.timer = setInterval(() => this.forget(), FORGET_MS / 4);
  }

  stop(): void {
    this.stopping.abort(new DOMException('the controller is stopped', 'AbortError'));
    for (const off of this.off.splice(0)) off();
    if (this.timer !== null) clearInterval(this.timer);
  }

  get summary(): { farms: number; sectors: number } {
    let sectors = 0;
    for (const { pieces } of this.farms.values()) sectors += pieces.size;
    return { farms: this.farms.size, sectors };
  }

  /** A piece read out of a plotted sector, unverified; null when no farm has it. */
  async piece(index: PieceIndex, signal?: AbortSignal): Promise<Uint8Array | null> {
    for (const { farm, sector, offset } of this.places.get(index) ?? []) {
      const options = { instance: farm, signal, retryMs: 0, timeoutMs: READ_TIMEOUT_MS };
      const answer = await this.connection
        .request(clusterMessages.readFarmPiece, [sector, offset], options)
        .catch(() => null);
      signal?.throwIfAborted();
      if (answer?.ok === true && answer.value !== null) return answer.value;
    }
    return null;
  }

  private async onFarmer(id: Ulid): Promise<void> {
    const known = this.farmers.get(id);
    if (known !== undefined) {
      for (const farm of known) this.onFarmerOf(farm, id);
      return;
    }
    this.farmers.set(id, []);
    const farms: Ulid[] = [];
    try {
      const options = { instance: id, signal: this.stopping.signal };
      for await (const details of this.connection.stream(clusterMessages.farmDetails, null, options)) {
        farms.push(details.farmId);
        this.onFarm(details.farmId, details.totalSectorsCount, id);
      }
      this.farmers.set(id, farms);
      // A farmer whose farms are yet to come is asked again.
      if (farms.length === 0) this.farmers.delete(id);
    } catch {
      // Asked again when it is heard of next.
      this.farmers.delete(id);
    }
  }

  /** A farmer that told its farms before is there; another one may have taken a farm of it over since. */
  private onFarmerOf(id: Ulid, farmer: Ulid): void {
    const farm = this.farms.get(id);
    if (farm === undefined) return;
    if (farm.farmer !== farmer)
      this.log(`Farmers ${farm.farmer} and ${farmer} both say that farm ${id} is theirs.`);
    this.onFarm(id, farm.sectors, farm.farmer);
  }

  private onFarm(id: Ulid, sectors: number, farmer: Ulid | null): void {
    const known = this.farms.get(id);
    const farm: KnownFarm = known ?? {
      id,
      sectors,
      lastSeen: 0,
      farmer: null,
      stale: true,
      pieces: new Map(),
    };
    farm.lastSeen = performance.now();
    // A farmer that was started anew has another id; its farm may have changed meanwhile.
    if (farm.sectors !== sectors || (farmer !== null && farm.farmer !== null && farm.farmer !== farmer))
      farm.stale = true;
    farm.sectors = sectors;
    farm.farmer = farmer ?? farm.farmer;
    if (known === undefined) {
      this.farms.set(id, farm);
      this.log(`Farm ${id} joined: ${sectors} sectors.`);
    }
    if (farm.stale) void this.readSectors(farm);
  }

  private async readSectors(farm: KnownFarm): Promise<void> {
    farm.stale = false;
    const gone = new Set(farm.pieces.keys());
    try {
      const options = { instance: farm.id, signal: this.stopping.signal };
      for await (const answer of this.connection.stream(clusterMessages.plottedSectors, null, options)) {
        if (!answer.ok || this.farms.get(farm.id) !== farm) continue;
        gone.delete(answer.value.sectorIndex);
        this.addSector(farm, answer.value);
      }
      for (const sector of gone) this.removeSector(farm, sector);
    } catch {
      // Its pieces are not known then, until it announces itself again.
      farm.stale = true;
    }
  }

  private addSector(farm: KnownFarm, { sectorIndex, pieceIndexes }: PlottedSector): void {
    this.removeSector(farm, sectorIndex);
    farm.pieces.set(sectorIndex, pieceIndexes);
    pieceIndexes.forEach((index, offset) => {
      const places = this.places.get(index) ?? [];
      places.push({ farm: farm.id, sector: sectorIndex, offset });
      this.places.set(index, places);
    });
  }

  private removeSector(farm: KnownFarm, sector: SectorIndex): void {
    for (const index of farm.pieces.get(sector) ?? []) {
      const left = this.places.get(index)?.filter((at) => at.farm !== farm.id || at.sector !== sector) ?? [];
      if (left.length > 0) this.places.set(index, left);
      else this.places.delete(index);
    }
    farm.pieces.delete(sector);
  }

  private forget(): void {
    for (const farm of this.farms.values()) {
      const patience = farm.farmer === null ? FORGET_FARM_MS : FORGET_MS;
      if (performance.now() - farm.lastSeen <= patience) continue;
      this.farms.delete(farm.id);
      for (const sector of farm.pieces.keys()) this.removeSector(farm, sector);
      for (const [farmer, farms] of this.farmers) if (farms.includes(farm.id)) this.farmers.delete(farmer);
      this.log(`Farm ${farm.id} has not been heard of for ${patience / 60_000} min.`);
    }
  }
}
