/** The Merkle mountain range: `mmr_*`. */
import { toPrefixedHex } from '../../src/protocol/bytes.ts';
import { encodeMmrLeaves, encodeMmrProof } from '../../src/protocol/mmr.ts';
import type { Chain } from '../chain.ts';
import { generateProof } from '../mmr-proofs.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import { RpcFailure } from './failure.ts';
import { blockAt, integer, isMissing, list } from './params.ts';
import type { Method } from './server.ts';

const ROOT = storagePrefix('Mmr', 'RootHash');
const MAX_BLOCKS = 1024;

export function mmrMethods(chain: Chain): Record<string, Method> {
  return {
    mmr_root: ([at]) => {
      const root = chain.stateOf(blockAt(chain, at).hash).get(ROOT);
      return root === null ? `0x${'00'.repeat(32)}` : toPrefixedHex(root);
    },
    mmr_generateProof: ([numbers, bestKnown, at]) => {
      const block = blockAt(chain, at);
      const wanted = list(numbers, 'block numbers', MAX_BLOCKS).map((one) => integer(one, 'block number'));
      const size = isMissing(bestKnown) ? block.number : integer(bestKnown, 'best known block number');
      try {
        const { leaves, proof } = generateProof(chain, block, wanted, size);
        return {
          blockHash: `0x${block.hash}`,
          leaves: toPrefixedHex(encodeMmrLeaves(leaves)),
          proof: toPrefixedHex(encodeMmrProof(proof)),
        };
      } catch (error) {
        if (error instanceof RangeError) throw new RpcFailure(8000, 'Runtime trapped', error.message);
        throw error;
      }
    },
  };
}
