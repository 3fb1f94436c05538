/** A scripted source that keeps the states of its blocks and proves its history, honest or forged. */
import type { GenesisFacts } from '../../src/chain/genesis.ts';
import type { ImportableBlock } from '../../src/network/source.ts';
import { equal, toHex } from '../../src/protocol/bytes.ts';
import { headerHash } from '../../src/protocol/header.ts';
import {
  bagPeaks,
  encodeMmrProof,
  mergeMmrNodes,
  mmrLeafHash,
  mmrProofNodes,
  mountainHeights,
  type MmrProof,
} from '../../src/protocol/mmr.ts';
import { CODE_KEY } from '../../src/protocol/storage-key.ts';
import type { Trie } from '../../src/protocol/trie.ts';
import type { Header } from '../../src/protocol/types.ts';
import { ScriptedSource } from './scripted-source.ts';

/** The Merkle mountain range over headers, the genesis block's first. */
export class HeaderRange {
  private readonly known = new Map<string, Uint8Array>();

  constructor(private readonly headers: readonly Header[]) {}

  node(height: number, first: number): Uint8Array {
    const id = `${height} ${first}`;
    const found = this.known.get(id) ?? this.make(height, first);
    this.known.set(id, found);
    return found;
  }

  private make(height: number, first: number): Uint8Array {
    if (height > 0) {
      const half = 2 ** (height - 1);
      return mergeMmrNodes(this.node(height - 1, first), this.node(height - 1, first + half));
    }
    const header = this.headers[first] as Header;
    const { number, stateRoot, extrinsicsRoot } = header;
    return mmrLeafHash({ number, hash: headerHash(header), stateRoot, extrinsicsRoot });
  }

  /** Root over the first `size` headers. */
  root(size: number): Uint8Array {
    let first = 0;
    const peaks = mountainHeights(size).map((height) => {
      const peak = this.node(height, first);
      first += 2 ** height;
      return peak;
    });
    return bagPeaks(peaks);
  }

  proof(indices: number[], size: number): MmrProof {
    return { indices, size, nodes: mmrProofNodes(indices, size, (...at) => this.node(...at)) };
  }
}

export class MountainSource extends ScriptedSource {
  /** What it does to its proofs of history. */
  forge: (proof: MmrProof) => MmrProof = (proof) => proof;
  private readonly range: HeaderRange;

  /** `line`: blocks 1 to the head, which need not name their parents; `states`: by block hash in hex. */
  constructor(
    name: string,
    facts: GenesisFacts,
    private readonly line: readonly ImportableBlock[],
    private readonly states: ReadonlyMap<string, Trie>,
  ) {
    super(name, facts);
    this.extend(line);
    this.range = new HeaderRange([facts.header, ...line.map(({ header }) => header)]);
  }

  override hashAt(number: number, signal?: AbortSignal): Promise<Uint8Array | null> {
    const block = this.line[number - 1];
    return block
      ? this.answer('hashAt', () => headerHash(block.header), signal)
      : super.hashAt(number, signal);
  }

  override readProof(keys: readonly Uint8Array[], at: Uint8Array, signal?: AbortSignal) {
    return this.answer(
      'readProof',
      () => {
        const state = this.states.get(toHex(at));
        // The recorded states know the code by its hash alone.
        if (state === undefined || keys.some((key) => equal(key, CODE_KEY)))
          return this.unavailable('state_getReadProof');
        const honest = { at, proof: state.prove(keys) };
        return this.misbehaviour.readProof?.(honest) ?? honest;
      },
      signal,
    );
  }

  override mmrProof(blocks: readonly number[], best: number, _at: Uint8Array, signal?: AbortSignal) {
    return this.answer(
      'mmrProof',
      () => ({
        proof: encodeMmrProof(
          this.forge(
            this.range.proof(
              blocks.map((number) => number - 1),
              best,
            ),
          ),
        ),
      }),
      signal,
    );
  }
}
