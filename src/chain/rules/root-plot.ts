/** The root plot: who may author while a network opens to everybody. */
import { equal } from '../../protocol/bytes.ts';
import type { Block, BlockContext } from '../block.ts';
import { refuse } from './refuse.ts';

/** Rule `root-plot-public-key`: while a root plot key is set, only it authors. */
export function checkAuthor({ digests }: Block, { rootPlotKey }: BlockContext): void {
  if (rootPlotKey !== null && !equal(digests.preDigest.solution.publicKey, rootPlotKey)) {
    refuse('root-plot-public-key', 'not the root plot’s key');
  }
}

/**
 * Rule `root-plot-public-key-digest`: the first block of a restricted network sets its author's key, and no other one
 * sets a key. Any block may open the network, one that is open already too.
 */
export function checkRootPlotUpdate({ digests }: Block, parent: BlockContext): void {
  const rule = 'root-plot-public-key-digest';
  const update = digests.rootPlotPublicKeyUpdate;
  if (parent.expectsRootPlotKey) {
    const { publicKey } = digests.preDigest.solution;
    if (update === null || update.key === null || !equal(update.key, publicKey)) {
      refuse(rule, 'the first block does not set its author’s key');
    }
  } else if (update !== null && update.key !== null) {
    refuse(rule, 'a key is set after the first block');
  }
}
