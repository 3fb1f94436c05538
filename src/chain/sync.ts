/** Fetches what a peer claims to have and the tree does not, and imports it. */
import { JobPriority } from '../crypto/jobs.ts';
import type { PotShare } from '../crypto/pot-budget.ts';
import type { ImportableBlock } from '../network/source.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import type { SlotNumber } from '../protocol/types.ts';
import type { Importer, ImportResult } from './importer.ts';
import type { Announcement, Peer } from './peer.ts';
import { inPatience, UnreliableSource } from './unreliable.ts';

/** Blocks ahead of the best up to which ancestors are fetched by their hashes. */
const NEAR = 8;
const FIRST_BATCH = 16;
const LARGEST_BATCH = 128;
/** Milliseconds: a batch that comes faster makes the next one larger, one that comes slower smaller. */
const FAST_MS = 2_000;
const SLOW_MS = 8_000;
/** How often a source's chain may change under the reading before it counts as contradicting itself. */
const MAX_BREAKS = 5;

/** A block whose slot the clock says is not due yet. */
export class EarlyBlock extends Error {
  constructor(readonly slot: SlotNumber) {
    super(`slot ${slot} is in the future of this clock`);
    this.name = 'EarlyBlock';
  }
}

/** A block of a source that broke a rule. */
export class RefusedBlock extends Error {
  constructor(
    readonly block: ImportableBlock,
    override readonly cause: ProtocolError,
  ) {
    super(cause.message);
    this.name = 'RefusedBlock';
  }
}

export interface SyncProgress {
  /** Headers that were imported, in so many milliseconds since the call before. */
  imported(headers: number): void;
  /** How much of the head's proof of time is verified. */
  headShare(): PotShare;
}

export class Synchronizer {
  constructor(
    private readonly importer: Importer,
    private readonly progress: SyncProgress,
    private readonly patienceMs: number,
  ) {}

  /** Whether a peer claims a head that the tree lacks and that lies above the final block. */
  wants(peer: Peer): boolean {
    const { tree } = this.importer;
    const { claimedBest } = peer;
    return (
      claimedBest !== null &&
      !peer.isDoneWith(claimedBest) &&
      claimedBest.header.number > tree.final.context.number &&
      tree.get(claimedBest.hash) === null
    );
  }

  /** Whether a claimed head lies so far ahead that blocks are fetched by their numbers. */
  isFar({ header }: Announcement): boolean {
    return header.number > this.importer.tree.best.context.number + NEAR;
  }

  /** Imports an announced block and those of its ancestors that are missing. */
  async follow(peer: Peer, announcement: Announcement, signal: AbortSignal): Promise<void> {
    const { tree } = this.importer;
    const final = tree.final.context;
    const missing: ImportableBlock[] = [];
    let { hash } = announcement;
    let { number } = announcement.header;
    while (tree.get(hash) === null) {
      if (number <= final.number) {
        // A source that is behind tells of blocks that were final before it was asked.
        if (missing.length === 0) return;
        throw belowFinality(final.number);
      }
      const block = await fetchBlock(peer, hash, signal);
      if (block === null) {
        const child = missing[0];
        if (child !== undefined) throw new RefusedBlock(child, orphan(child));
        throw new UnreliableSource('The source announces blocks that it does not hand out.');
      }
      if (block.header.number !== number) throw wrongBlock('number', number, block.header.number);
      missing.unshift(block);
      hash = block.header.parentHash;
      number -= 1;
    }
    this.judge(await this.importer.import(missing, this.options(true, signal)));
    peer.praise();
  }

  /** Imports a peer's best chain from where it leaves ours up to its head. */
  async catchUp(peer: Peer, signal: AbortSignal): Promise<void> {
    let from = (await this.commonNumber(peer, signal)) + 1;
    let batch = FIRST_BATCH;
    let breaks = 0;
    let next = this.download(peer, from, batch, signal);
    for (;;) {
      const { blocks, took } = await next;
      if (blocks.length === 0) {
        if (this.wants(peer) && (peer.claimedBest?.header.number ?? 0) >= from) {
          throw new UnreliableSource('The source claims a longer chain than it hands out.');
        }
        return;
      }
      if (took < FAST_MS) batch = Math.min(LARGEST_BATCH, batch * 2);
      else if (took > SLOW_MS) batch = Math.max(1, batch >> 1);
      const after = from + blocks.length;
      next = this.download(peer, after, batch, signal);
      next.catch(() => undefined);
      const result = await this.importer.import(blocks, this.options(false, signal));
      this.judge(result);
      const last = blocks.at(-1) as ImportableBlock;
      if (this.importer.tree.get(headerHash(last.header)) !== null) {
        peer.praise();
        from = after;
        continue;
      }
      // The source's chain changed between two answers: begin again where it leaves ours.
      breaks += 1;
      if (breaks > MAX_BREAKS) throw new UnreliableSource('The source’s blocks do not hang together.');
      await next.catch(() => undefined);
      from = (await this.commonNumber(peer, signal)) + 1;
      next = this.download(peer, from, batch, signal);
    }
  }

  private async download(
    peer: Peer,
    from: number,
    count: number,
    signal: AbortSignal,
  ): Promise<{ blocks: ImportableBlock[]; took: number }> {
    const started = performance.now();
    const late = 'The source hands out blocks too slowly.';
    const blocks = await inPatience(this.patienceMs, signal, late, (limit) =>
      peer.source.blocks(from, count, limit),
    );
    blocks.forEach(({ header }, index) => {
      if (header.number !== from + index) throw wrongBlock('block-number', from + index, header.number);
    });
    return { blocks: blocks.slice(0, count), took: performance.now() - started };
  }

  /** Number of the newest block that the peer's best chain and the tree share. */
  private async commonNumber(peer: Peer, signal: AbortSignal): Promise<number> {
    const { tree } = this.importer;
    const final = tree.final.context;
    const claimed = peer.claimedBest?.header.number ?? tree.best.context.number;
    let number = Math.min(claimed, tree.best.context.number);
    for (let step = 1; number > final.number; step *= 2) {
      const hash = await peer.source.hashAt(number, signal);
      if (hash !== null && tree.get(hash) !== null) return number;
      number -= step;
    }
    const hash = await peer.source.hashAt(final.number, signal);
    if (hash === null) throw new UnreliableSource('The source does not hand out older blocks.');
    if (!equal(hash, final.hash)) throw belowFinality(final.number);
    return final.number;
  }

  private options(head: boolean, signal: AbortSignal) {
    return {
      priority: head ? JobPriority.verifyHead : JobPriority.catchUp,
      ...(head ? { potShare: this.progress.headShare() } : {}),
      signal,
    };
  }

  private judge({ imported, refused, early }: ImportResult): void {
    if (imported > 0) this.progress.imported(imported);
    if (refused !== null) throw new RefusedBlock(refused.block, refused.error);
    if (early !== null) throw new EarlyBlock(early);
  }
}

/** Rule `parent-known`: a source that has a block has its parent. */
function orphan({ header }: ImportableBlock): ProtocolError {
  return new ProtocolError({
    code: 'invalid-block',
    rule: 'parent-known',
    message: `nobody has block ${toHex(header.parentHash)}, the parent of an announced one`,
    sentence: 'A block was sent whose parent is not part of the chain.',
    values: { number: header.number },
  });
}

async function fetchBlock(peer: Peer, hash: Uint8Array, signal: AbortSignal) {
  const block = await peer.source.block(hash, signal);
  if (block !== null && !equal(headerHash(block.header), hash)) {
    throw new ProtocolError({
      code: 'wrong-block',
      rule: 'block-hash',
      message: `asked for block ${toHex(hash)}, another one came`,
      sentence: 'The source answered with another block than the one asked for.',
    });
  }
  return block;
}

function wrongBlock(rule: string, asked: number, came: number): ProtocolError {
  return new ProtocolError({
    code: 'wrong-block',
    rule,
    message: `asked for block ${asked}, block ${came} came`,
    sentence: 'The source answered with another block than the one asked for.',
    values: { asked, came },
  });
}

/** Rule `finality`: a fork from below the final block is never followed. */
function belowFinality(final: number): ProtocolError {
  return new ProtocolError({
    code: 'below-finality',
    rule: 'finality',
    message: `the chain leaves ours below the final block ${final}`,
    sentence: `The source follows a different chain, which leaves this one before block ${final}. That is an attack, a network that was started anew, or a wrong start of this chain.`,
    values: { final },
  });
}
