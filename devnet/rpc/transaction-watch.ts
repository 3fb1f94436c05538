/** `transaction_v1` and `transactionWatch_v1`: transactions, and what becomes of them. */
import { randomBytes } from 'node:crypto';
import type { Block } from '../chain.ts';
import { PoolError, type TransactionPool, type TransactionStatus } from '../transaction-pool.ts';
import { bytes, requireConnection, unsubscriber } from './params.ts';
import type { Method } from './server.ts';

export function transactionMethods(pool: TransactionPool): Record<string, Method> {
  const submitted = (extrinsic: unknown, listener?: (status: TransactionStatus) => void): boolean => {
    try {
      pool.submit(bytes(extrinsic, 'transaction'), listener);
      return true;
    } catch (error) {
      if (error instanceof PoolError) return false;
      throw error;
    }
  };
  return {
    transaction_v1_broadcast: ([extrinsic]) => {
      submitted(extrinsic);
      return randomBytes(12).toString('base64url');
    },
    transaction_v1_stop: () => null,
    transactionWatch_v1_submitAndWatch: ([extrinsic], connection) => {
      const client = requireConnection(connection);
      const sink = client.subscribe('transactionWatch_v1_watchEvent');
      const listener = (status: TransactionStatus): void => {
        sink.notify(watchEvent(status));
        if (!['future', 'ready', 'inBlock', 'retracted'].includes(status.kind)) client.unsubscribe(sink.id);
      };
      if (!submitted(extrinsic, listener)) {
        sink.notify({ event: 'invalid', error: 'The transaction is invalid' });
        client.unsubscribe(sink.id);
      }
      return sink.id;
    },
    transactionWatch_v1_unwatch: (params, connection) => {
      unsubscriber(params, connection);
      return null;
    },
  };
}

function watchEvent(status: TransactionStatus): unknown {
  const place = (block: Block, index: number) => ({ hash: `0x${block.hash}`, index });
  switch (status.kind) {
    case 'future':
    case 'ready':
      return { event: 'validated' };
    case 'inBlock':
      return { event: 'bestChainBlockIncluded', block: place(status.block, status.index) };
    case 'retracted':
      return { event: 'bestChainBlockIncluded', block: null };
    case 'finalized':
      return { event: 'finalized', block: place(status.block, status.index) };
    case 'usurped':
      return { event: 'invalid', error: 'Another transaction took its place' };
    case 'invalid':
      return { event: 'invalid', error: 'The transaction became invalid' };
    case 'dropped':
      return { event: 'dropped', error: 'The transaction pool is full' };
  }
}
