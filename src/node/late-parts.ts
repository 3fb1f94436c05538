/** Parts of the node that are loaded and opened when they are first needed: wallet, payments, objects. */
import type { ChainSnapshot } from '../chain/snapshot.ts';
import type { Notation } from '../protocol/notation.ts';
import type { NetworkChoice } from './api.ts';
import type { Desk } from './desk.ts';
import { NodeError } from './errors.ts';
import type { Farms } from './farms.ts';
import type { Following } from './following.ts';
import type { Journal } from './journal.ts';
import type { Money } from './money.ts';
import type { ObjectDesk } from './objects.ts';
import type { NodePlatform } from './platform.ts';

/** What is followed at the moment, with the choice that it follows from. */
export interface Followed {
  following: Following;
  network: NetworkChoice;
}

/** Whether the chain is verified up to its head, or nobody is there who could tell a newer one. */
function isKnown(chain: ChainSnapshot | null): boolean {
  if (chain?.phase === 'offline' || chain?.phase === 'stalled') return (chain.best?.number ?? 0) > 0;
  return chain?.phase === 'following';
}

/** What the person is told before any network is followed. */
export const NOT_FOLLOWED = 'The chain is not being followed yet.';

/** A part that is opened once; an opening that fails is tried again by whoever asks next. */
class Late<T> {
  private opened: Promise<T> | null = null;

  get wanted(): boolean {
    return this.opened !== null;
  }

  open(open: () => Promise<T>): Promise<T> {
    this.opened ??= open().catch((error: unknown) => {
      this.opened = null;
      throw error;
    });
    return this.opened;
  }

  /** Forgets the part, so that the next who asks opens another; null: it was not open. */
  async take(): Promise<T | null> {
    const { opened } = this;
    this.opened = null;
    return (await opened?.catch(() => null)) ?? null;
  }
}

export class LateParts {
  private readonly desks = new Late<Desk>();
  private readonly moneys = new Late<Money>();
  private readonly objectDesks = new Late<ObjectDesk>();

  constructor(
    private readonly platform: NodePlatform,
    private readonly journal: Journal,
    private readonly farms: Farms,
    private readonly followed: () => Followed | null,
    private readonly notation: () => Notation,
  ) {}

  /** The wallet and its identities, which outlive any network. */
  desk(): Promise<Desk> {
    return this.desks.open(async () => {
      const { Desk } = await import('./desk.ts');
      return Desk.open(
        this.platform,
        () => {
          const followed = this.followed();
          return followed && { network: followed.network, client: followed.following.client };
        },
        {
          lastReward: async (account) => (await this.money()).lastReward(account),
          accountUse: async (account, block) => (await this.money()).accountUse(account, block),
          objectContent: async (cid) => (await this.objects().catch(() => null))?.smallContent(cid) ?? null,
        },
      );
    });
  }

  /** Whether somebody asked for payments. */
  get hasMoney(): boolean {
    return this.moneys.wanted;
  }

  /** What needs the verified chain and the wallet's keys together. Rejects before the network is known. */
  async money(): Promise<Money> {
    const followed = this.followed();
    if (followed === null) throw new NodeError('too-early', NOT_FOLLOWED);
    return this.moneys.open(async () => {
      const { Money } = await import('./money.ts');
      return Money.open({
        client: followed.following.client,
        store: this.platform.store,
        notation: () => this.notation(),
        signer: async (address) => (await this.desk()).wallet.signer(address),
        journal: this.journal,
      });
    });
  }

  /**
   * The storage network and its objects. Rejects before the chain is followed, against which pieces are checked; where it
   * cannot be, as without a network, what was verified of it earlier does.
   */
  async objects(peers: readonly string[] = []): Promise<ObjectDesk> {
    const { following } = this.followed() ?? {};
    const chain = following?.client.snapshot() ?? null;
    if (following === undefined || !(this.objectDesks.wanted || isKnown(chain))) {
      const of = chain?.target == null ? '' : ` of ${chain.target}`;
      const at = chain?.best == null ? '' : `; it is at block ${chain.best.number}${of}`;
      throw new NodeError(
        'too-early',
        `Objects can be opened once the chain is verified up to its head${at}.`,
      );
    }
    return this.objectDesks.open(async () => {
      const { platform } = this;
      const work = (name: string) => platform.openWorkDirectory(name);
      const [{ ObjectDesk }, pieces, nearDirectory, indexDirectory, savesDirectory, uploadsDirectory] =
        await Promise.all([
          import('./objects.ts'),
          platform.openPieceDirectory(),
          work('near-pieces'),
          work('history-index'),
          work('saves'),
          work('uploads'),
        ]);
      const { client, pool, sources } = following;
      return ObjectDesk.open({
        client,
        pool,
        sources,
        store: platform.store,
        platform: await platform.peerPlatform(),
        pieces,
        nearDirectory,
        indexDirectory,
        savesDirectory,
        uploadsDirectory,
        farms: this.farms,
        payments: async () => (await this.money()).payments,
        peers,
      });
    });
  }

  /** Closes what belongs to the network that was followed; who asks later opens it for the next one. */
  async closeMoney(): Promise<void> {
    (await this.moneys.take())?.close();
  }

  async closeObjects(): Promise<void> {
    await (await this.objectDesks.take())?.close().catch(() => undefined);
  }
}
