/** The genesis block of a network, and what the rules take from it. */
import { equal, fromHex, toHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { decodeHeader, headerHash } from '../protocol/header.ts';
import { genesisSeed } from '../protocol/pot.ts';
import type { Header, SolutionRange } from '../protocol/types.ts';
import type { BlockContext } from './block.ts';

/** What the rules need to know of a network's genesis. */
export interface GenesisFacts {
  header: Header;
  /** Solution range of the first block. */
  solutionRange: SolutionRange;
  /** AES encryptions of the first slot. */
  potSlotIterations: number;
  /** Text that went into the seed of slot 1. */
  externalEntropy: string;
  /** Whether the first block's author stays the only one until the network is opened. */
  restricted: boolean;
  /** Whether eras adjust the solution range from the first one on. */
  adjusting: boolean;
  /** 48 bytes: commitment of segment 0, where it is known. */
  firstCommitment: Uint8Array | null;
}

const EMPTY_TRIE_ROOT = fromHex('03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314');

/**
 * Checks that a header is the genesis block of that hash (rule `genesis`).
 *
 * @param hash 32 bytes.
 * @throws ProtocolError.
 */
export function requireGenesis(header: Header, hash: Uint8Array): void {
  const shaped =
    header.number === 0 &&
    header.digest.length === 0 &&
    header.parentHash.every((byte) => byte === 0) &&
    equal(header.extrinsicsRoot, EMPTY_TRIE_ROOT);
  if (shaped && equal(headerHash(header), hash)) return;
  throw wrongGenesis('the header is not the genesis block of the expected hash');
}

/** Rule `genesis`: a source of another network. */
export function wrongGenesis(message: string, values: Record<string, string> = {}): ProtocolError {
  return new ProtocolError({
    code: 'wrong-genesis',
    rule: 'genesis',
    message,
    sentence: 'The source serves another network: its first block is a different one.',
    values,
  });
}

/** Genesis states of public networks, so that no source needs to have kept them. By the genesis hash in hex. */
const KNOWN: Record<string, Omit<GenesisFacts, 'header'> & { header: string }> = {
  '91912b429ce7bf2975440a0920b46a892fddeeaed6ccc11c93f2d57ad1bd69ab': {
    header:
      '00000000000000000000000000000000000000000000000000000000000000000023e3a0462f5e5a1a1ec4ac2b1298a8e65e38200c6e7b20d3c0a1e3a614f27c8a03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c11131400',
    solutionRange: 6_148_914_691_236_495n,
    potSlotIterations: 206_557_520,
    externalEntropy: '000000000000000000002d7e53dd67e5db28b6d07e3a4b301b1fd9c8865da8c7',
    restricted: true,
    adjusting: false,
    firstCommitment: fromHex(
      '96338574da2e9d59907b2e6704319187c67ff9ed4270773cb9c3c7e999424742fb0c16192502bcbc1aa7a757c84bdc95',
    ),
  },
};

/** Facts of a public network, null where they must be asked for. `hash`: 32 bytes. */
export function knownGenesis(hash: Uint8Array): GenesisFacts | null {
  const known = KNOWN[toHex(hash)];
  return known ? { ...known, header: decodeHeader(fromHex(known.header)) } : null;
}

/** What the genesis block hands to the first one. */
export function genesisContext(facts: GenesisFacts): BlockContext {
  const hash = headerHash(facts.header);
  return {
    hash,
    number: 0,
    slot: 0n,
    stateRoot: facts.header.stateRoot,
    weight: 0n,
    childSolutionRange: facts.solutionRange,
    childSlotIterations: facts.potSlotIterations,
    change: null,
    provenSlot: 0n,
    provenOutput: genesisSeed(hash, facts.externalEntropy),
    outputs: [],
    entropies: [],
    rootPlotKey: null,
    expectsRootPlotKey: facts.restricted,
    adjusting: facts.adjusting,
    rangeOverride: null,
    eraStartSlot: 0n,
    commitments: [],
    firstCommitment: facts.firstCommitment,
  };
}
