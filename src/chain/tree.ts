/** The blocks above the final one, forks included, and which of them is best. */
import type { Header } from '../protocol/types.ts';
import { blockId, type BlockContext } from './block.ts';

/** A block of the tree. */
export interface TreeBlock<Extra> {
  header: Header;
  context: BlockContext;
  extra: Extra;
}

interface Node<Extra> extends TreeBlock<Extra> {
  id: string;
  parent: Node<Extra> | null;
  children: Set<Node<Extra>>;
}

/** The best chain moved to another branch. */
export interface Reorg {
  /** Blocks of the old best chain that were left. */
  depth: number;
  from: BlockContext;
  to: BlockContext;
}

export interface Insertion<Extra> {
  /** Whether the block is the best one now. */
  best: boolean;
  reorg: Reorg | null;
  /** Blocks that became final, oldest first. */
  finalized: TreeBlock<Extra>[];
}

/** A branch beside the best chain, by its tip. */
export interface Fork {
  tip: BlockContext;
  /** Blocks from where it leaves the best chain. */
  length: number;
}

/** Blocks kept beside those that the confirmation depth needs; the lightest branch tips go first. */
const MAX_FORK_BLOCKS = 2_048;

/**
 * Blocks by parent, from the final one up. The heaviest tip is best, a tie keeps the current one; what lies
 * `confirmationDepth` below the best is final, and what does not descend from it is dropped.
 */
export class ForkTree<Extra> {
  private root: Node<Extra>;
  private bestNode: Node<Extra>;
  private readonly nodes = new Map<string, Node<Extra>>();

  /** `root`: the final block that everything descends from. */
  constructor(
    root: TreeBlock<Extra>,
    private readonly confirmationDepth: number,
    private readonly maxForkBlocks: number = MAX_FORK_BLOCKS,
  ) {
    this.root = { ...root, id: blockId(root.context.hash), parent: null, children: new Set() };
    this.bestNode = this.root;
    this.nodes.set(this.root.id, this.root);
  }

  /** The newest final block. */
  get final(): TreeBlock<Extra> {
    return this.root;
  }

  /** The tip of the heaviest branch. */
  get best(): TreeBlock<Extra> {
    return this.bestNode;
  }

  /** Blocks held, the final one included. */
  get size(): number {
    return this.nodes.size;
  }

  /** A block by its hash (32 bytes), the final one included; null: it is not held. */
  get(hash: Uint8Array): TreeBlock<Extra> | null {
    return this.nodes.get(blockId(hash)) ?? null;
  }

  /** Block of that number on the best chain, down to the final one. */
  onBestChain(number: number): TreeBlock<Extra> | null {
    let node: Node<Extra> | null = this.bestNode;
    while (node !== null && node.context.number > number) node = node.parent;
    return node?.context.number === number ? node : null;
  }

  isOnBestChain(hash: Uint8Array): boolean {
    const node = this.nodes.get(blockId(hash));
    return node !== undefined && this.onBestChain(node.context.number) === node;
  }

  /** Adds a verified block. Its parent must be in the tree. A block that is there already changes nothing. */
  insert(block: TreeBlock<Extra>): Insertion<Extra> {
    const nothing: Insertion<Extra> = { best: false, reorg: null, finalized: [] };
    const id = blockId(block.context.hash);
    const parent = this.nodes.get(blockId(block.header.parentHash));
    if (parent === undefined) throw new Error('a block was inserted before its parent');
    if (this.nodes.has(id)) return nothing;
    const node: Node<Extra> = { ...block, id, parent, children: new Set() };
    parent.children.add(node);
    this.nodes.set(id, node);
    if (node.context.weight <= this.bestNode.context.weight) {
      this.evict();
      return nothing;
    }
    const reorg = this.reorgTo(node);
    this.bestNode = node;
    const finalized = this.finalize();
    this.evict();
    return { best: true, reorg, finalized };
  }

  /** All blocks, parents before children, without the root. */
  *blocks(): Generator<TreeBlock<Extra>> {
    const queue = [...this.root.children];
    for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
      yield node;
      queue.push(...node.children);
    }
  }

  /** Branches beside the best chain, heaviest first. */
  forks(): Fork[] {
    const best = new Set<Node<Extra>>();
    for (let node: Node<Extra> | null = this.bestNode; node !== null; node = node.parent) best.add(node);
    const forks: Fork[] = [];
    for (const node of this.nodes.values()) {
      if (node.children.size > 0 || best.has(node)) continue;
      let length = 0;
      for (let at: Node<Extra> | null = node; at !== null && !best.has(at); at = at.parent) length += 1;
      forks.push({ tip: node.context, length });
    }
    return forks.sort((a, b) => (a.tip.weight > b.tip.weight ? -1 : 1));
  }

  private reorgTo(node: Node<Extra>): Reorg | null {
    const old = this.bestNode;
    if (node.parent === old) return null;
    const line = new Set<Node<Extra>>();
    for (let at: Node<Extra> | null = node; at !== null; at = at.parent) line.add(at);
    let depth = 0;
    for (let at: Node<Extra> | null = old; at !== null && !line.has(at); at = at.parent) depth += 1;
    return { depth, from: old.context, to: node.context };
  }

  private finalize(): TreeBlock<Extra>[] {
    const number = this.bestNode.context.number - this.confirmationDepth;
    const finalized: Node<Extra>[] = [];
    let node: Node<Extra> | null = this.bestNode;
    while (node !== null && node.context.number > number) node = node.parent;
    while (node !== null && node !== this.root) {
      finalized.unshift(node);
      node = node.parent;
    }
    for (const next of finalized) this.moveRoot(next);
    return finalized;
  }

  private moveRoot(next: Node<Extra>): void {
    const { root } = this;
    this.nodes.delete(root.id);
    for (const child of root.children) if (child !== next) this.drop(child);
    next.parent = null;
    this.root = next;
  }

  private drop(node: Node<Extra>): void {
    const queue = [node];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      this.nodes.delete(at.id);
      queue.push(...at.children);
    }
    node.parent?.children.delete(node);
  }

  /** Keeps the number of blocks beside the best chain bounded. */
  private evict(): void {
    const limit = this.maxForkBlocks + (this.bestNode.context.number - this.root.context.number) + 1;
    while (this.nodes.size > limit) {
      let lightest: Node<Extra> | null = null;
      for (const node of this.nodes.values()) {
        if (node.children.size > 0 || node === this.bestNode) continue;
        if (lightest === null || node.context.weight < lightest.context.weight) lightest = node;
      }
      if (lightest === null) return;
      this.drop(lightest);
    }
  }
}
