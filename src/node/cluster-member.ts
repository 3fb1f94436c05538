/** The tab as a member of a cluster: watches it, encodes for it, farms in it. */
import { ClusterConnection } from '../cluster/connection.ts';
import type { Credentials } from '../cluster/credentials.ts';
import { ClusterError } from '../cluster/errors.ts';
import { FarmerMember, type FarmSeat } from '../cluster/farmer.ts';
import { ClusterPieces } from '../cluster/pieces.ts';
import { PlotterMember } from '../cluster/plotter.ts';
import { ClusterRoster } from '../cluster/roster.ts';
import type { VerifiedHistory } from '../farm/source.ts';
import type { HistorySize } from '../protocol/types.ts';
import { causeOf, type Cause } from './causes.ts';
import type { ClusterRoles, ClusterView, ClusterWorld } from './cluster.ts';
import type { NodePlatform } from './platform.ts';

export interface MemberOptions {
  server: string;
  credentials: Credentials;
  changed: () => void;
  log(line: string): void;
}

/** A tab has less memory than a server. */
const PLOTTER_MEMORY_BYTES = 256 * 1024 * 1024;
/** The tab's own chain may be some blocks behind the farmer's. */
const CATCH_UP_MS = 60_000;

export class ClusterMember {
  private readonly roster: ClusterRoster;
  /** Of the roles: each needs its own, as a connection does not hear itself. */
  private readonly connections: ClusterConnection[] = [];
  private plotter: PlotterMember | null = null;
  private farmer: FarmerMember | null = null;
  private world: ClusterWorld | null = null;

  private constructor(
    private readonly platform: NodePlatform,
    private readonly options: MemberOptions,
    private readonly connection: ClusterConnection,
  ) {
    this.roster = new ClusterRoster(connection, options.changed);
    this.roster.start();
    connection.onState(options.changed);
  }

  /** Throws ClusterError. */
  static async connect(platform: NodePlatform, options: MemberOptions): Promise<ClusterMember> {
    return new ClusterMember(platform, options, await connectAs('watcher', platform, options));
  }

  get linked(): boolean {
    return this.connection.state === 'connected';
  }

  get cause(): Cause | null {
    const { trouble } = this.connection;
    return trouble === null ? null : causeOf(trouble, 'Try again');
  }

  /** Whether farms have seats here. */
  get farms(): boolean {
    return this.farmer !== null;
  }

  view(): Pick<ClusterView, 'plotting' | 'sectorsDone' | 'offers' | 'roster'> {
    const plotter = this.plotter?.snapshot();
    const sector = plotter?.sector ?? null;
    return {
      plotting: sector && {
        sector: sector.index,
        stage: sector.stage,
        by: sector.by,
        piecesDone: sector.piecesDone,
        piecesTotal: sector.piecesTotal,
      },
      sectorsDone: plotter?.done ?? 0,
      offers: plotter !== undefined,
      roster: this.roster.view(),
    };
  }

  /** Throws ClusterError `other-network`. */
  seat(publicKey: Uint8Array, genesisHash: Uint8Array): FarmSeat | null {
    return this.farmer?.seat(publicKey, genesisHash) ?? null;
  }

  /** Takes up the roles with what runs, or lays them down. Throws ClusterError, StorageError. */
  async work(world: ClusterWorld | null, roles: ClusterRoles): Promise<void> {
    if (this.world !== world) await this.rest();
    this.world = world;
    if (world === null) return;
    if (roles.plotter && this.plotter === null) await this.plot(world);
    if (roles.farmer && this.farmer === null) await this.farm(world);
  }

  private async plot({ pool, history, helper }: ClusterWorld): Promise<void> {
    const { options, platform } = this;
    const connection = await this.connectAs('plotter');
    const member = new PlotterMember({
      connection,
      pool,
      directory: await platform.openWorkDirectory('cluster-plotter'),
      pieces: new ClusterPieces(connection),
      history: reaching(history),
      memoryBytes: PLOTTER_MEMORY_BYTES,
      encode: helper?.encode,
      log: options.log,
      changed: options.changed,
    });
    this.plotter = member;
    try {
      await member.start();
    } catch (error) {
      this.plotter = null;
      await this.disconnect(connection);
      throw error;
    }
  }

  private async farm({ pool, history, helper }: ClusterWorld): Promise<void> {
    const { options } = this;
    const connection = await this.connectAs('farmer');
    const member = new FarmerMember({
      connection,
      pool,
      history,
      plotHere: helper?.plot,
      log: options.log,
    });
    try {
      await member.start();
    } catch (error) {
      await this.disconnect(connection);
      throw error;
    }
    this.farmer = member;
  }

  private async connectAs(role: string): Promise<ClusterConnection> {
    const connection = await connectAs(role, this.platform, this.options);
    this.connections.push(connection);
    return connection;
  }

  private async disconnect(connection: ClusterConnection): Promise<void> {
    this.connections.splice(this.connections.indexOf(connection), 1);
    await connection.close();
  }

  private async rest(): Promise<void> {
    const { plotter, farmer } = this;
    this.plotter = null;
    this.farmer = null;
    farmer?.stop();
    await plotter?.stop();
    await Promise.all(this.connections.splice(0).map((connection) => connection.close()));
  }

  async leave(): Promise<void> {
    await this.rest();
    this.roster.stop();
    await this.connection.close();
  }
}

async function connectAs(
  role: string,
  platform: NodePlatform,
  { server, credentials, log }: MemberOptions,
): Promise<ClusterConnection> {
  const connect = await platform.connectNats();
  return ClusterConnection.connect({
    connect,
    servers: [server],
    credentials,
    name: `allotment-${role}`,
    log,
  });
}

/** The tab's own verified history, waited for when a farmer is ahead of it. */
function reaching(history: VerifiedHistory): VerifiedHistory & { reach(size: HistorySize): Promise<void> } {
  return {
    historySize: () => history.historySize(),
    segmentCommitment: (segment) => history.segmentCommitment(segment),
    onChange: (listener) => history.onChange(listener),
    reach: async (size) => {
      const there = (): boolean => history.segmentCommitment(size - 1n) !== null;
      if (there()) return;
      await new Promise<void>((resolve, reject) => {
        const behind = new ClusterError(
          'failed',
          `history of ${history.historySize()} segments, ${size} wanted`,
          'This plotter’s own chain is behind the farmer’s.',
        );
        const timer = setTimeout(() => {
          off();
          reject(behind);
        }, CATCH_UP_MS);
        const off = history.onChange(() => {
          if (!there()) return;
          clearTimeout(timer);
          off();
          resolve();
        });
      });
    },
  };
}
