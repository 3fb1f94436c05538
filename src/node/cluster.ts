/** The tab in a farming cluster: what the person chose, kept; the member itself is loaded when there is one. */
import { InOrder } from '../async/in-order.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import type { FarmSeat } from '../cluster/farmer.ts';
import type { Credentials } from '../cluster/credentials.ts';
import type { RosterView } from '../cluster/roster-view.ts';
import type { PlottedBy } from '../farm/snapshot.ts';
import type { VerifiedHistory } from '../farm/source.ts';
import { sentenceOf } from '../protocol/errors.ts';
import { causeOf, type Cause } from './causes.ts';
import type { ClusterMember } from './cluster-member.ts';
import type { Desk } from './desk.ts';
import { NodeError } from './errors.ts';
import type { HelperPlotting } from './helper-plotting.ts';
import type { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

/** What the tab does for the cluster. */
export interface ClusterRoles {
  plotter: boolean;
  farmer: boolean;
}

export interface JoinRequest extends ClusterRoles {
  /** Address of the NATS server. */
  server: string;
  credentials: Credentials;
}

export interface ClusterView extends ClusterRoles {
  server: string;
  phase: 'joining' | 'joined' | 'away' | 'failed';
  cause: Cause | null;
  /** Where the credentials lie: there are none, in the wallet, or in this session's memory only. */
  secrets: 'none' | 'wallet' | 'session';
  /** The sector that this tab encodes for others; null while it waits for one. */
  plotting: {
    sector: number;
    stage: string;
    by: PlottedBy;
    piecesDone: number;
    piecesTotal: number;
  } | null;
  sectorsDone: number;
  /** Whether this tab's plotter is at work: it needs a node that runs. */
  offers: boolean;
  roster: RosterView | null;
}

interface Stored extends ClusterRoles {
  server: string;
  secrets: ClusterView['secrets'];
}

/** What runs: a cluster without it can be watched only. */
export interface ClusterWorld {
  pool: ComputePool;
  history: VerifiedHistory;
  /** Plots with the person's native helper while it is there. */
  helper?: Pick<HelperPlotting, 'encode' | 'plot'>;
}

const SETTING = 'cluster';
/** The wallet's record of the credentials. */
const SECRET = 'setting:cluster-credentials';
const RETRY_MS = 10_000;

export class Cluster {
  private stored: Stored | null = null;
  private credentials: Credentials | null = null;
  private member: ClusterMember | null = null;
  private world: ClusterWorld | null = null;
  private cause: Cause | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly entering = new InOrder();
  /** Raised whenever the person chose something else. */
  private generation = 0;

  constructor(
    private readonly platform: NodePlatform,
    private readonly journal: Journal,
    private readonly changed: () => void,
    private readonly desk: () => Promise<Desk>,
    /** Opens the farms anew, with or without seats in the cluster. */
    private readonly reopenFarms: () => Promise<void>,
  ) {}

  /** Joins again what was joined before, where the credentials are at hand. Throws StorageError. */
  async resume(): Promise<void> {
    this.stored = await this.platform.store.setting<Stored>(SETTING);
    if (this.stored === null) return;
    if (this.stored.secrets === 'none') this.credentials = { kind: 'none' };
    void this.enter();
  }

  view(): ClusterView | null {
    const { stored, member, cause } = this;
    if (stored === null) return null;
    const phase =
      member !== null ? (member.linked ? 'joined' : 'away') : cause !== null ? 'failed' : 'joining';
    return { ...stored, phase, cause: member?.cause ?? cause, ...(member?.view() ?? NOTHING) };
  }

  /**
   * A seat for a farm of that key (32 bytes) and network (32 bytes of the genesis hash), or null where the farms stay
   * by themselves. Throws ClusterError `other-network`.
   */
  seat(publicKey: Uint8Array, genesisHash: Uint8Array): FarmSeat | null {
    return this.stored?.farmer === true ? (this.member?.seat(publicKey, genesisHash) ?? null) : null;
  }

  /** Lets the tab work for the cluster; null: nothing runs now. Resolves when what ran before is not used any more. */
  async serve(world: ClusterWorld | null): Promise<void> {
    this.world = world;
    if (world !== null || this.member !== null) await this.enter();
  }

  /** Joins, or changes what the tab does. Throws where the server cannot be reached or refuses. */
  async join({ server, credentials, plotter, farmer }: JoinRequest): Promise<void> {
    const { parseServer } = await import('../cluster/credentials.ts');
    const address = parseServer(server);
    const chosen = credentials.kind === 'none' ? address.credentials : credentials;
    this.generation += 1;
    await this.leaveNow();
    const secrets = chosen.kind === 'none' ? 'none' : await this.keep(chosen);
    this.stored = { server: address.url, secrets, plotter, farmer };
    this.credentials = chosen;
    await this.enter();
    const cause = this.view()?.cause ?? null;
    if (cause === null) return this.platform.store.putSetting(SETTING, this.stored);
    await this.forget();
    throw new NodeError('failed', cause.sentence);
  }

  /** Changes what the tab does for the cluster it is in. */
  async setRoles(roles: ClusterRoles): Promise<void> {
    if (this.stored === null) throw new NodeError('too-early', 'No cluster was joined.');
    this.stored = { ...this.stored, plotter: roles.plotter, farmer: roles.farmer };
    await this.platform.store.putSetting(SETTING, this.stored);
    this.generation += 1;
    await this.leaveNow();
    await this.enter();
  }

  /** Joins again now, with credentials out of the wallet where they lie there. */
  async retry(): Promise<void> {
    if (this.stored?.secrets === 'wallet') {
      const { wallet } = await this.desk();
      this.credentials = wallet.keystore.unlocked
        ? wallet.keystore.get<Credentials>(SECRET, 'setting')
        : null;
    }
    this.generation += 1;
    await this.enter();
  }

  /** Leaves and forgets the cluster, its credentials included. */
  async forget(): Promise<void> {
    this.generation += 1;
    const { stored } = this;
    this.stored = null;
    this.credentials = null;
    await this.leaveNow();
    await this.platform.store.putSetting(SETTING, null);
    if (stored?.secrets === 'wallet') {
      const { wallet } = await this.desk();
      if (wallet.keystore.unlocked) await wallet.keystore.remove(SECRET);
    }
    this.changed();
  }

  async stop(): Promise<void> {
    this.generation += 1;
    await this.leaveNow();
  }

  /** Puts the credentials into the wallet if it is open; otherwise they live as long as this tab. */
  private async keep(credentials: Credentials): Promise<'wallet' | 'session'> {
    const { wallet } = await this.desk();
    if (!wallet.keystore.unlocked) return 'session';
    await wallet.keystore.put(SECRET, 'setting', credentials);
    return 'wallet';
  }

  /** Becomes a member with what is stored, or says why not; tries again by itself where that may help. */
  private enter(): Promise<void> {
    return this.entering.run(() => this.enterNow());
  }

  private async enterNow(): Promise<void> {
    const { stored, generation } = this;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (stored === null) return;
    this.credentials ??= await this.fromWallet(stored);
    const { credentials } = this;
    if (generation !== this.generation) return;
    if (credentials === null) return this.fail(needCredentials(stored));
    try {
      await this.becomeMember(stored, credentials, generation);
      this.cause = null;
    } catch (error) {
      if (generation !== this.generation) return;
      this.fail(causeOf(error, 'Try again'));
      this.timer = setTimeout(() => void this.enter(), RETRY_MS);
    }
    this.changed();
  }

  private async becomeMember(stored: Stored, credentials: Credentials, generation: number): Promise<void> {
    if (this.member === null) {
      const { ClusterMember } = await import('./cluster-member.ts');
      const member = await ClusterMember.connect(this.platform, {
        server: stored.server,
        credentials,
        changed: this.changed,
        log: (line) => this.journal.log('info', `Cluster: ${line}`),
      });
      if (generation !== this.generation || this.member !== null) return member.leave();
      this.member = member;
      this.journal.notify('success', 'farm', `Joined the cluster at ${stored.server}.`);
    }
    const farmedBefore = this.member.farms;
    await this.member.work(this.world, stored);
    if (this.member?.farms !== farmedBefore) await this.reopenFarms();
  }

  private fail(cause: Cause): void {
    if (this.cause?.sentence !== cause.sentence) this.journal.notify('warning', 'farm', cause.sentence);
    this.cause = cause;
    this.changed();
  }

  private async fromWallet(stored: Stored): Promise<Credentials | null> {
    if (stored.secrets === 'none') return { kind: 'none' };
    if (stored.secrets === 'session') return null;
    try {
      const { wallet } = await this.desk();
      return wallet.keystore.unlocked ? wallet.keystore.get<Credentials>(SECRET, 'setting') : null;
    } catch (error) {
      this.journal.log('warning', sentenceOf(error));
      return null;
    }
  }

  private async leaveNow(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.cause = null;
    const { member } = this;
    this.member = null;
    const farmed = member?.farms === true;
    if (farmed) await this.reopenFarms();
    await member?.leave();
    this.changed();
  }
}

const NOTHING = { plotting: null, sectorsDone: 0, offers: false, roster: null };

function needCredentials({ secrets }: Stored): Cause {
  return {
    code: 'credentials',
    sentence:
      secrets === 'wallet'
        ? 'The cluster’s credentials are in the wallet, which is locked. Unlock it, then join again.'
        : 'The cluster’s credentials were kept for one session only. Enter them again.',
    action: secrets === 'wallet' ? 'Join again' : null,
    since: Date.now(),
  };
}
