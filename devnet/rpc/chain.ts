/** Blocks: `chain_*`. */
import { toRpcSignedBlock } from '../../src/protocol/block.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { toRpcHeader } from '../../src/protocol/header.ts';
import type { Block } from '../chain.ts';
import { bytes, integer, isMissing, unsubscriber, type ReadableChain } from './params.ts';
import type { Method, Sink } from './server.ts';
import { subscription } from './subspace.ts';

const MAX_NUMBERS = 4096;

/** `runtimeVersion`: as JSON-RPC carries it. */
export function chainMethods(chain: ReadableChain, runtimeVersion: unknown): Record<string, Method> {
  const find = (hash: unknown): Block | null =>
    isMissing(hash) ? chain.best : chain.block(toHex(bytes(hash, 'hash', 32)));
  const header = (block: Block): unknown => toRpcHeader(block.header);
  const prefixed = (hash: string | null): string | null => hash && `0x${hash}`;

  const getBlockHash: Method = ([number]) => {
    if (isMissing(number)) return prefixed(chain.best.hash);
    const at = (one: unknown) => prefixed(chain.hashAt(integer(one, 'block number')));
    return Array.isArray(number) ? number.slice(0, MAX_NUMBERS).map(at) : at(number);
  };
  const getHeader: Method = ([hash]) => {
    const block = find(hash);
    return block && header(block);
  };
  const finalizedHead: Method = () => prefixed(chain.finalized.hash);

  const newHeads = subscription('chain_newHead', (sink) => {
    sink.notify(header(chain.best));
    sink.onClose(chain.on('best', (block) => sink.notify(header(block))));
  });
  const finalizedHeads = subscription('chain_finalizedHead', (sink) => {
    sink.notify(header(chain.finalized));
    sink.onClose(chain.on('finalized', (block) => sink.notify(header(block))));
  });
  const version = (sink: Sink): void => sink.notify(runtimeVersion);

  return {
    chain_getBlock: ([hash]) => {
      const block = find(hash);
      return block && toRpcSignedBlock(chain.signedBlock(block.hash)!);
    },
    chain_getBlockHash: getBlockHash,
    chain_getHead: getBlockHash,
    chain_getHeader: getHeader,
    chain_getFinalizedHead: finalizedHead,
    chain_getFinalisedHead: finalizedHead,
    chain_getRuntimeVersion: () => runtimeVersion,
    chain_subscribeNewHeads: newHeads,
    chain_subscribeNewHead: newHeads,
    subscribe_newHead: newHeads,
    chain_unsubscribeNewHeads: unsubscriber,
    chain_unsubscribeNewHead: unsubscriber,
    unsubscribe_newHead: unsubscriber,
    chain_subscribeAllHeads: subscription('chain_allHead', (sink) => {
      sink.notify(header(chain.best));
      sink.onClose(chain.on('imported', (block) => sink.notify(header(block))));
    }),
    chain_unsubscribeAllHeads: unsubscriber,
    chain_subscribeFinalizedHeads: finalizedHeads,
    chain_subscribeFinalisedHeads: finalizedHeads,
    chain_unsubscribeFinalizedHeads: unsubscriber,
    chain_unsubscribeFinalisedHeads: unsubscriber,
    chain_subscribeRuntimeVersion: subscription('chain_runtimeVersion', version),
    chain_unsubscribeRuntimeVersion: unsubscriber,
    state_getRuntimeVersion: () => runtimeVersion,
    state_subscribeRuntimeVersion: subscription('state_runtimeVersion', version),
    state_unsubscribeRuntimeVersion: unsubscriber,
  };
}
