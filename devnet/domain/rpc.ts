/** JSON-RPC of the domain's node: the standard sets of a Substrate node, without metadata. */
import { littleEndian, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import { decodeAll, ScaleWriter } from '../../src/protocol/scale.ts';
import { decodeAddress, SS58_PREFIX } from '../../src/protocol/ss58.ts';
import type { Block } from '../chain.ts';
import { chainMethods } from '../rpc/chain.ts';
import { invalidParams, RpcFailure } from '../rpc/failure.ts';
import { blockAt, bytes, text } from '../rpc/params.ts';
import type { Method } from '../rpc/server.ts';
import { stateMethods } from '../rpc/state.ts';
import { accountOf } from '../runtime/balances.ts';
import { InvalidTransaction } from '../runtime/context.ts';
import { PoolError } from '../transaction-pool.ts';
import type { DomainChain } from './chain.ts';
import { DOMAIN_ID } from './genesis.ts';
import type { DomainPool } from './pool.ts';
import { parseSigned, weightOf } from './calls.ts';
import { DOMAIN_SPEC_VERSION, DOMAIN_TRANSACTION_VERSION, feeOf } from './runtime.ts';

const NAME = 'subspace-auto-id-domain';

const runtimeVersion = {
  specName: NAME,
  implName: NAME,
  authoringVersion: 0,
  specVersion: DOMAIN_SPEC_VERSION,
  implVersion: 0,
  apis: [],
  transactionVersion: DOMAIN_TRANSACTION_VERSION,
  systemVersion: 2,
  stateVersion: 2,
};

function encodeVersion(): Uint8Array {
  const { authoringVersion, specVersion, implVersion, transactionVersion, systemVersion } = runtimeVersion;
  return new ScaleWriter()
    .text(NAME)
    .text(NAME)
    .u32(authoringVersion)
    .u32(specVersion)
    .u32(implVersion)
    .compact(0)
    .u32(transactionVersion)
    .u8(systemVersion)
    .bytes();
}

export function domainMethods(chain: DomainChain, pool: DomainPool): ReadonlyMap<string, Method> {
  const nonceAt = (block: Block, account: Uint8Array): number =>
    accountOf(chain.stateOf(block.hash), account, block.number).nonce;

  const info = (block: Block, extrinsic: Uint8Array) => {
    const parsed = parseSigned(extrinsic);
    return { weight: weightOf(parsed.call), ...feeOf(chain.stateOf(block.hash), parsed) };
  };

  const callRuntime = (block: Block, name: string, input: Uint8Array): Uint8Array | null => {
    switch (name) {
      case 'Core_version':
        return encodeVersion();
      case 'AccountNonceApi_account_nonce':
        return littleEndian(
          nonceAt(
            block,
            decodeAll(input, 'call-parameters', (reader) => reader.raw(32)),
          ),
          4,
        );
      case 'TransactionPaymentApi_query_info': {
        const extrinsic = decodeAll(input, 'call-parameters', (reader) => {
          const body = reader.byteVector();
          reader.u32();
          return new ScaleWriter().byteVector(body).bytes();
        });
        const { weight, fee } = info(block, extrinsic);
        return new ScaleWriter().compact(weight).compact(0).u8(0).u128(fee).bytes();
      }
      default:
        return null;
    }
  };

  const nextNonce: Method = ([address]) => {
    try {
      const { account } = decodeAddress(text(address, 'account'));
      return pool.nextNonce(account, nonceAt(chain.best, account));
    } catch (error) {
      if (error instanceof DecodeError) throw invalidParams(error.message);
      throw error;
    }
  };

  const all: Record<string, Method> = {
    ...chainMethods(chain, runtimeVersion),
    ...stateMethods(chain, callRuntime),
    system_name: () => 'allotment-devnet',
    system_chain: () => 'Allotment local Auto ID domain',
    system_chainType: () => 'Development',
    system_properties: () => ({
      ss58Format: SS58_PREFIX,
      tokenDecimals: 18,
      tokenSymbol: 'tAI3',
      domainId: DOMAIN_ID,
    }),
    system_health: () => ({ peers: 0, isSyncing: false, shouldHavePeers: false }),
    system_accountNextIndex: nextNonce,
    account_nextIndex: nextNonce,
    author_submitExtrinsic: ([extrinsic]) => {
      try {
        return `0x${pool.submit(bytes(extrinsic, 'extrinsic'))}`;
      } catch (error) {
        if (error instanceof PoolError) throw new RpcFailure(error.code, error.message, error.data);
        throw error;
      }
    },
    author_pendingExtrinsics: () => pool.pending().map(toPrefixedHex),
    payment_queryInfo: ([extrinsic, at]) => {
      try {
        const { weight, fee } = info(blockAt(chain, at), bytes(extrinsic, 'extrinsic'));
        return { weight: { ref_time: weight, proof_size: 0 }, class: 'normal', partialFee: fee.toString() };
      } catch (error) {
        if (error instanceof InvalidTransaction)
          throw new RpcFailure(1, 'Unable to query dispatch info.', error.message);
        throw error;
      }
    },
  };
  const names = ['rpc_methods', ...Object.keys(all)].sort();
  return new Map(Object.entries({ ...all, rpc_methods: () => ({ methods: names }) }));
}
