/**
 * Long chains for measuring super-light sync: headers made on demand from a seed, with real encodings, hashes, a
 * real Merkle mountain range and a real state root at the head. Their solutions are not genuine and a header does
 * not know its parent, which nothing in the examination of single blocks looks at.
 */
import { blake3 } from '@noble/hashes/blake3.js';
import type { SuperLightHead, SuperLightSource } from '../../src/chain/superlight.ts';
import { equal, littleEndian } from '../../src/protocol/bytes.ts';
import { buildDigest, subspaceDigests } from '../../src/protocol/digest.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { encodeHeader, headerHash } from '../../src/protocol/header.ts';
import { encodeJustification } from '../../src/protocol/justification.ts';
import type { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import {
  bagPeaks,
  encodeMmrProof,
  mergeMmrNodes,
  mmrLeafHash,
  mmrProofNodes,
  mountainHeights,
} from '../../src/protocol/mmr.ts';
import { Trie } from '../../src/protocol/trie.ts';
import type { ChainConstants, Header } from '../../src/protocol/types.ts';

export interface SyntheticChainOptions {
  seed: Uint8Array;
  /** Number of the head. */
  head: number;
  constants: ChainConstants;
  /** Range of all eras: every one takes exactly the slots that it should. */
  range: bigint;
  /** Blocks that are not what they claim to be. */
  isForged?: (number: number) => boolean;
  /**
   * Ascending: the only blocks that will be asked for. All others are then not made, and subtrees without any of
   * these become one node, which costs the examiner the same and spares a long chain the wait.
   */
  only?: readonly number[];
}

/** Nodes of the range from this height on are remembered. */
const REMEMBERED_HEIGHT = 8;
const FORGED = new Uint8Array(32).fill(0xff);

export class SyntheticChain implements SuperLightSource {
  private readonly nodes = new Map<string, Uint8Array>();
  /** Bytes that were sent. */
  sent = 0;

  constructor(private readonly options: SyntheticChainOptions) {}

  header(number: number): Header {
    const { seed, constants, range, isForged } = this.options;
    const bytes = blake3(littleEndian(number, 8), { key: seed, dkLen: 640 });
    let at = 0;
    const take = (size: number) => bytes.slice(at, (at += size));
    const [numerator, denominator] = constants.slotProbability;
    const slot = (BigInt(number) * denominator) / numerator;
    const preDigest = {
      slot,
      solution: {
        publicKey: take(32),
        rewardAddress: take(32),
        sectorIndex: 0,
        historySize: 1n,
        pieceOffset: 0,
        recordCommitment: take(48),
        recordWitness: take(48),
        chunk: isForged?.(number) ? FORGED : take(32),
        chunkWitness: take(48),
        proofOfSpace: take(160),
      },
      proofOfTime: take(16),
      futureProofOfTime: take(16),
    };
    return {
      parentHash: take(32),
      number,
      stateRoot: take(32),
      extrinsicsRoot: take(32),
      digest: buildDigest({
        preDigest,
        seal: take(64),
        potSlotIterations: 16,
        solutionRange: range,
        potParametersChange: null,
        nextSolutionRange: number % constants.eraDurationInBlocks === 0 ? range : null,
        segmentCommitments: [],
        enableSolutionRangeAdjustment: null,
        rootPlotPublicKeyUpdate: null,
      }),
    };
  }

  private node(height: number, first: number): Uint8Array {
    const name = `${height} ${first}`;
    const known = this.nodes.get(name);
    if (known !== undefined) return known;
    const half = 2 ** (height - 1);
    if (this.isFiller(first, 2 ** height)) return this.filler(height, first);
    const node =
      height === 0
        ? this.leaf(first)
        : mergeMmrNodes(this.node(height - 1, first), this.node(height - 1, first + half));
    if (height >= REMEMBERED_HEIGHT) this.nodes.set(name, node);
    return node;
  }

  private isFiller(first: number, count: number): boolean {
    const { only } = this.options;
    if (only === undefined) return false;
    let low = 0;
    let high = only.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (only[middle]! < first) low = middle + 1;
      else high = middle;
    }
    return low === only.length || only[low]! >= first + count;
  }

  private filler(height: number, first: number): Uint8Array {
    return blake3(littleEndian(first * 64 + height, 8), { key: this.options.seed });
  }

  private leaf(number: number): Uint8Array {
    const header = this.header(number);
    const { stateRoot, extrinsicsRoot } = header;
    return mmrLeafHash({ number, hash: headerHash(header), stateRoot, extrinsicsRoot });
  }

  /** Makes the whole range, which takes a while for a long chain. */
  headState(): SuperLightHead {
    const { head } = this.options;
    let first = 0;
    const peaks = mountainHeights(head).map((height) => {
      const peak = this.node(height, first);
      first += 2 ** height;
      return peak;
    });
    return { number: head, root: bagPeaks(peaks), leaves: BigInt(head) };
  }

  /** State of the head with its range in it, as the runtime keeps it. */
  stateOf(metadata: RuntimeMetadata, { root, leaves }: SuperLightHead): Trie {
    const entry = (item: string, value: unknown) => {
      const storage = metadata.storage('Mmr', item);
      return { key: storage.key(), value: storage.encode(value) };
    };
    return Trie.from(1, [entry('RootHash', root), entry('NumberOfLeaves', leaves)]);
  }

  headers(numbers: readonly number[]) {
    const headers = numbers.map((number) => this.header(number));
    for (const header of headers) this.sent += encodeHeader(header).length;
    return Promise.resolve(headers);
  }

  async blocks(numbers: readonly number[]) {
    // A block comes every six slots on average, each with 128 bytes of checkpoints.
    const checkpoints = Array.from({ length: 6 }, () => new Uint8Array(128));
    const justification = encodeJustification({ seed: new Uint8Array(16), checkpoints });
    this.sent += numbers.length * justification.length;
    return (await this.headers(numbers)).map((header) => ({ header, justification }));
  }

  mmrProof(numbers: readonly number[], size: number) {
    const indices = [...numbers];
    const proof = {
      indices,
      size,
      nodes: mmrProofNodes(indices, size, (height, first) => this.node(height, first)),
    };
    this.sent += encodeMmrProof(proof).length;
    return Promise.resolve(proof);
  }

  /** Stands in for the rules of a header by itself: finds exactly the blocks that were forged. */
  readonly verifyAlone = (blocks: readonly { header: Header }[]): Promise<void> => {
    for (const { header } of blocks) {
      if (!equal(subspaceDigests(header).preDigest.solution.chunk, FORGED)) continue;
      const message = `block ${header.number} is forged`;
      return Promise.reject(new ProtocolError({ code: 'invalid-block', rule: 'solution-distance', message }));
    }
    return Promise.resolve();
  };
}
