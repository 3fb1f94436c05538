/** What the light client has seen: blocks, refusals, reorganisations, and final headers that may be asked for. */
import { toHex } from '../protocol/bytes.ts';
import type { Header } from '../protocol/types.ts';
import type { BlockContext } from './block.ts';
import type { Clocks } from './clock.ts';
import type { BlockInfo, ChainTree } from './importer.ts';
import type { BlockView, RefusalView, ReorgView } from './snapshot.ts';
import type { Reorg } from './tree.ts';

/** A header that was verified. */
export interface VerifiedHeader {
  header: Header;
  context: BlockContext;
}

/** How many of each are shown or remembered. */
const SHOWN_BLOCKS = 64;
const REMEMBERED_HEADERS = 512;
const SHOWN_REFUSALS = 50;
const SHOWN_REORGS = 20;
const RATE_WINDOW_MS = 10_000;

/** Puts an item in front of a list that keeps so many. */
function putFirst<T>(list: T[], item: T, most: number): void {
  list.unshift(item);
  list.length = Math.min(list.length, most);
}

export class ChainBook {
  /** Newest first. */
  readonly refusals: RefusalView[] = [];
  /** Newest first. */
  readonly reorgs: ReorgView[] = [];
  private readonly blocks: BlockInfo[] = [];
  private readonly finalHeaders = new Map<string, VerifiedHeader>();
  private readonly rate: { at: number; headers: number }[] = [];

  constructor(private readonly clocks: Clocks) {}

  /** A block was verified. */
  verified(info: BlockInfo): void {
    putFirst(this.blocks, info, SHOWN_BLOCKS);
  }

  /** A source was put off. */
  refused(refusal: Omit<RefusalView, 'at'>): void {
    putFirst(this.refusals, { at: this.clocks.now(), ...refusal }, SHOWN_REFUSALS);
  }

  /** The best chain moved to another branch. */
  reorganised({ depth, from, to }: Reorg): void {
    const reorg = { at: this.clocks.now(), depth, from: toHex(from.hash), to: toHex(to.hash) };
    putFirst(this.reorgs, reorg, SHOWN_REORGS);
  }

  /** Blocks became final, oldest first. */
  finalized(headers: readonly VerifiedHeader[]): void {
    for (const { header, context } of headers) {
      this.finalHeaders.set(toHex(context.hash), { header, context });
      const [oldest] = this.finalHeaders.keys();
      if (this.finalHeaders.size > REMEMBERED_HEADERS) this.finalHeaders.delete(oldest as string);
    }
  }

  /** A final header by its hash (32 bytes), as far back as they are remembered. */
  finalHeader(hash: Uint8Array): VerifiedHeader | null {
    return this.finalHeaders.get(toHex(hash)) ?? null;
  }

  /** So many headers were imported just now. */
  imported(headers: number): void {
    this.rate.push({ at: this.clocks.elapsed(), headers });
  }

  /** Headers imported a second, over the last ten. */
  headersPerSecond(): number {
    const since = this.clocks.elapsed() - RATE_WINDOW_MS;
    while (this.rate[0] !== undefined && this.rate[0].at < since) this.rate.shift();
    return this.rate.reduce((sum, { headers }) => sum + headers, 0) / (RATE_WINDOW_MS / 1_000);
  }

  /** Blocks to show, newest first. `ownKeys`: public keys (hex) whose blocks are the node's own. */
  views(tree: ChainTree, ownKeys: ReadonlySet<string>): BlockView[] {
    return this.blocks.map((info) => {
      const deep = info.number <= tree.final.context.number;
      const onBestChain = deep
        ? this.finalHeaders.has(info.hash) || info.hash === toHex(tree.final.context.hash)
        : toHex(tree.onBestChain(info.number)?.context.hash ?? new Uint8Array()) === info.hash;
      return { ...info, own: ownKeys.has(info.author), final: deep && onBestChain, onBestChain };
    });
  }

  /** Forgets what belongs to a chain that was given up. */
  forgetChain(): void {
    this.blocks.length = 0;
    this.finalHeaders.clear();
  }
}
