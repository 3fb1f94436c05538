/** The farms of a cluster as its controller knows them: who farms what, and which pieces their sectors hold. */
import { clusterMessages } from '../protocol/cluster/messages.ts';
import type { PlottedSector, Ulid } from '../protocol/cluster/values.ts';
import type { PieceIndex, PieceOffset, SectorIndex } from '../protocol/types.ts';
import { FORGET_MS } from './announcer.ts';
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
        if (farm === undefined || update.kind !== 'plotting' || update.details.kind !== 'finished') return;
        this.addSector(farm, update.details.plottedSector);
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
      for (const farm of known) this.touch(farm);
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

  private touch(id: Ulid): void {
    const farm = this.farms.get(id);
    if (farm !== undefined) farm.lastSeen = performance.now();
  }

  private onFarm(id: Ulid, sectors: number, farmer: Ulid | null): void {
    const known = this.farms.get(id);
    if (known !== undefined) {
      known.lastSeen = performance.now();
      known.sectors = sectors;
      if (farmer !== null && known.farmer !== null && known.farmer !== farmer)
        this.log(`Farmers ${known.farmer} and ${farmer} both say that farm ${id} is theirs.`);
      known.farmer ??= farmer;
      return;
    }
    const farm: KnownFarm = { id, sectors, lastSeen: performance.now(), farmer, pieces: new Map() };
    this.farms.set(id, farm);
    this.log(`Farm ${id} joined: ${sectors} sectors.`);
    void this.readSectors(farm);
  }

  private async readSectors(farm: KnownFarm): Promise<void> {
    try {
      const options = { instance: farm.id, signal: this.stopping.signal };
      for await (const answer of this.connection.stream(clusterMessages.plottedSectors, null, options))
        if (answer.ok && this.farms.get(farm.id) === farm) this.addSector(farm, answer.value);
    } catch {
      // Its pieces are not known then, until it announces itself again.
      if (this.farms.get(farm.id) === farm) this.farms.delete(farm.id);
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
      if (performance.now() - farm.lastSeen <= FORGET_MS) continue;
      this.farms.delete(farm.id);
      for (const sector of farm.pieces.keys()) this.removeSector(farm, sector);
      for (const [farmer, farms] of this.farmers) if (farms.includes(farm.id)) this.farmers.delete(farmer);
      this.log(`Farm ${farm.id} has not been heard of for a minute.`);
    }
  }
}
