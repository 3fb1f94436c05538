/**
 * The node that authors with this machine's solutions: one at a time, because a solution in the hands of two nodes makes
 * two blocks. Another one of those that were named takes over when it is gone, or was caught lying.
 */
import type { AuthoringNode, PieceSource } from '../farm/source.ts';
import type { ChainSource, RpcSource } from '../network/source.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import type {
  FarmerAppInfo,
  PieceIndex,
  RewardSigningInfo,
  SlotInfo,
  SlotNumber,
  Solution,
} from '../protocol/types.ts';
import { NodeError } from './errors.ts';

/** Wait before other nodes are tried again, milliseconds. */
const RETRY_MS = 10_000;

/** What is needed of a node. */
export type Author = Pick<RpcSource, 'name' | 'farmer'>;

export interface AuthoringOptions<Source extends Author> {
  /** In the order in which they were named; one at least. */
  sources: readonly Source[];
  /** Sources that are connected and behave, as the light client judges. */
  usable(): readonly (Source | ChainSource)[];
  /** 32 bytes; null while the network is not known. */
  genesisHash(): Uint8Array | null;
  /** Another node took over. */
  tookOver(source: Source): void;
  /** Milliseconds of a clock that nobody sets; differs in tests only. */
  now?(): number;
}

export class AuthoringNodes<Source extends Author> implements AuthoringNode, PieceSource {
  private active: Source;
  private looking = false;
  private lookAgainAt = 0;
  /** Who wants to hear of slots or of what is to be signed. */
  private hearers = 0;

  constructor(private readonly options: AuthoringOptions<Source>) {
    this.active = options.sources[0] as Source;
  }

  /** The node that solutions go to. */
  get source(): Source {
    return this.active;
  }

  get name(): string {
    return this.active.name;
  }

  /** Looks for another node where the one that authors is gone; to be called whenever the chain has changed. */
  look(): void {
    const { now = () => performance.now() } = this.options;
    if (this.hearers === 0) return;
    const usable = this.usable();
    if (usable.length === 0 || usable.includes(this.active) || this.looking || now() < this.lookAgainAt)
      return;
    this.looking = true;
    void this.appInfo()
      .catch(() => undefined)
      .finally(() => {
        this.looking = false;
        this.lookAgainAt = now() + RETRY_MS;
      });
  }

  /** Asks the first node that serves farmers, which authors from then on. Rejects with what the first one asked said. */
  async appInfo(): Promise<FarmerAppInfo> {
    const usable = this.usable();
    const others = usable.filter((source) => source !== this.active);
    const order = others.length === usable.length && usable.length > 0 ? others : [this.active, ...others];
    let failure: unknown = null;
    for (const source of order) {
      try {
        const info = await source.farmer.appInfo();
        this.requireNetwork(source, info);
        if (source !== this.active) {
          this.active = source;
          this.options.tookOver(source);
        }
        return info;
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  onSlot(listener: (slot: SlotInfo) => void): () => void {
    return this.ofActive(({ farmer }, heard) => farmer.onSlot(heard(listener)));
  }

  onRewardSigning(listener: (request: RewardSigningInfo) => void): () => void {
    return this.ofActive(({ farmer }, heard) => farmer.onRewardSigning(heard(listener)));
  }

  submitSolution(slot: SlotNumber, solution: Solution): Promise<void> {
    return this.active.farmer.submitSolution(slot, solution);
  }

  submitRewardSignature(hash: Uint8Array, signature: Uint8Array): Promise<void> {
    return this.active.farmer.submitRewardSignature(hash, signature);
  }

  piece(index: PieceIndex, signal?: AbortSignal): Promise<Uint8Array | null> {
    return this.active.farmer.piece(index, signal);
  }

  /** In the order in which they were named. */
  private usable(): Source[] {
    const usable = new Set<unknown>(this.options.usable());
    return this.options.sources.filter((source) => usable.has(source));
  }

  private requireNetwork({ name }: Source, { genesisHash }: FarmerAppInfo): void {
    const own = this.options.genesisHash();
    if (own === null || equal(own, genesisHash)) return;
    throw new NodeError(
      'choice',
      `${name} serves another network than the one that is followed (genesis ${toHex(genesisHash).slice(0, 8)}…).`,
    );
  }

  /** Subscribes to every node, so that one that takes over is heard at once, and passes on what the active one says. */
  private ofActive(
    subscribe: (source: Source, heard: <T>(listener: (value: T) => void) => (value: T) => void) => () => void,
  ): () => void {
    const stops = this.options.sources.map((source) =>
      subscribe(source, (listener) => (value) => {
        if (source === this.active) listener(value);
      }),
    );
    this.hearers += 1;
    return () => {
      this.hearers -= 1;
      stops.forEach((stop) => stop());
    };
  }
}
