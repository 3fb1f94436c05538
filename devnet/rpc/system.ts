/** The node itself and its transactions: `system_*`, `author_*`, `payment_*`, `rpc_methods`. */
import { toHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import { extrinsicHash } from '../../src/protocol/extrinsic.ts';
import { decodeAddress, SS58_PREFIX } from '../../src/protocol/ss58.ts';
import type { Chain } from '../chain.ts';
import { queryInfo } from '../runtime/api.ts';
import { accountOf } from '../runtime/balances.ts';
import { InvalidTransaction } from '../runtime/context.ts';
import { feeDetails } from '../runtime/fees.ts';
import { announcedWeight, parseExtrinsic } from '../runtime/parsed-extrinsic.ts';
import { PoolError, type TransactionPool, type TransactionStatus } from '../transaction-pool.ts';
import { invalidParams, RpcFailure } from './failure.ts';
import { blockAt, bytes, requireConnection, text, unsubscriber } from './params.ts';
import type { Method } from './server.ts';

export const CHAIN_NAME = 'Allotment local network';

/** Properties of the chain specification. */
export function chainProperties(chain: Chain): Record<string, unknown> {
  return {
    domainsBootstrapNodes: {},
    dsnBootstrapNodes: [],
    potExternalEntropy: chain.params.potExternalEntropy === '' ? null : chain.params.potExternalEntropy,
    ss58Format: SS58_PREFIX,
    tokenDecimals: 18,
    tokenSymbol: 'tAI3',
  };
}

export function systemMethods(
  chain: Chain,
  pool: TransactionPool,
  peerId: string,
  listenAddresses: readonly string[],
  version: string,
): Record<string, Method> {
  const nextNonce: Method = ([address]) => {
    let account: Uint8Array;
    try {
      ({ account } = decodeAddress(text(address, 'account')));
    } catch (error) {
      if (error instanceof DecodeError) throw invalidParams(error.message);
      throw error;
    }
    // An account that does not exist yet will have the number of the block that makes its transaction valid.
    const { nonce } = accountOf(chain.stateOf(chain.best.hash), account, chain.best.number);
    return Number(pool.nextNonce(toHex(account), nonce));
  };

  return {
    system_name: () => 'allotment-devnet',
    system_version: () => version,
    system_chain: () => CHAIN_NAME,
    system_chainType: () => 'Development',
    system_properties: () => chainProperties(chain),
    system_health: () => ({ peers: 0, isSyncing: false, shouldHavePeers: false }),
    system_peers: () => [],
    system_nodeRoles: () => ['Authority'],
    system_reservedPeers: () => [],
    system_localPeerId: () => peerId,
    system_localListenAddresses: () => listenAddresses,
    system_syncState: () => ({
      startingBlock: 0,
      currentBlock: chain.best.number,
      highestBlock: chain.best.number,
    }),
    system_accountNextIndex: nextNonce,
    account_nextIndex: nextNonce,
    system_dryRun: ([extrinsic, at]) => {
      const block = blockAt(chain, at);
      try {
        chain.poolExecution(block).validate(bytes(extrinsic, 'extrinsic'));
        return '0x0000';
      } catch (error) {
        if (error instanceof InvalidTransaction) return toPrefixedHex(new Uint8Array([1, ...error.encode()]));
        throw error;
      }
    },

    author_submitExtrinsic: ([extrinsic]) => `0x${submit(pool, bytes(extrinsic, 'extrinsic'))}`,
    author_submitAndWatchExtrinsic: ([extrinsic], connection) => {
      const client = requireConnection(connection);
      const encoded = bytes(extrinsic, 'extrinsic');
      const sink = client.subscribe('author_extrinsicUpdate');
      try {
        submit(pool, encoded, (status) => {
          sink.notify(statusToJson(status));
          if (['finalized', 'invalid', 'dropped', 'usurped'].includes(status.kind))
            client.unsubscribe(sink.id);
        });
      } catch (error) {
        client.unsubscribe(sink.id);
        throw error;
      }
      return sink.id;
    },
    author_unwatchExtrinsic: unsubscriber,
    author_pendingExtrinsics: () => pool.pending().map(toPrefixedHex),
    author_removeExtrinsic: ([wanted]) => {
      const names = (Array.isArray(wanted) ? wanted : []).map((one) => {
        const hash = (one as Record<string, unknown> | null)?.['hash'];
        const extrinsic = (one as Record<string, unknown> | null)?.['extrinsic'];
        return hash === undefined
          ? toHex(extrinsicHash(bytes(extrinsic, 'extrinsic')))
          : toHex(bytes(hash, 'hash', 32));
      });
      const found = pool.pending().filter((extrinsic) => names.includes(toHex(extrinsicHash(extrinsic))));
      for (const extrinsic of found) pool.reject(extrinsic);
      return found.map((extrinsic) => toPrefixedHex(extrinsicHash(extrinsic)));
    },

    payment_queryInfo: ([extrinsic, at]) => {
      const encoded = bytes(extrinsic, 'extrinsic');
      const info = refusing(() => queryInfo(chain.stateOf(blockAt(chain, at).hash), encoded, encoded.length));
      return {
        weight: { ref_time: info.refTime, proof_size: info.proofSize },
        class: info.class,
        partialFee: info.fee.toString(),
      };
    },
    payment_queryFeeDetails: ([extrinsic, at]) => {
      const encoded = bytes(extrinsic, 'extrinsic');
      const parsed = refusing(() => parseExtrinsic(encoded));
      if (parsed.extrinsic.kind === 'bare') return { inclusionFee: null };
      const state = chain.stateOf(blockAt(chain, at).hash);
      const fee = feeDetails(state, encoded.length, announcedWeight(parsed));
      const hex = (value: bigint) => `0x${value.toString(16)}`;
      return {
        inclusionFee: {
          baseFee: hex(fee.baseFee),
          lenFee: hex(fee.lengthFee),
          adjustedWeightFee: hex(fee.adjustedWeightFee),
        },
      };
    },
  };
}

/** Submits to the pool; its refusals become error replies. Returns the hash in hex. */
export function submit(
  pool: TransactionPool,
  extrinsic: Uint8Array,
  watcher?: (status: TransactionStatus) => void,
): string {
  try {
    return pool.submit(extrinsic, watcher);
  } catch (error) {
    if (error instanceof PoolError) throw new RpcFailure(error.code, error.message, error.data);
    throw error;
  }
}

function refusing<T>(query: () => T): T {
  try {
    return query();
  } catch (error) {
    if (error instanceof InvalidTransaction)
      throw new RpcFailure(1, 'Unable to query dispatch info.', error.message);
    throw error;
  }
}

function statusToJson(status: TransactionStatus): unknown {
  switch (status.kind) {
    case 'inBlock':
    case 'retracted':
    case 'finalized':
      return { [status.kind]: `0x${status.block.hash}` };
    case 'usurped':
      return { usurped: `0x${status.by}` };
    default:
      return status.kind;
  }
}
