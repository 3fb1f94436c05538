/** The Auto ID domain of the local network: its chain, its operator, its node's RPC. */
import { sign } from '../../src/crypto/sr25519.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { encodeExtrinsic, IMMORTAL } from '../../src/protocol/extrinsic.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { orderedTrieRoot } from '../../src/protocol/trie.ts';
import type { PreDigest } from '../../src/protocol/types.ts';
import type { Block, Chain } from '../chain.ts';
import type { NodeOptions } from '../config.ts';
import { RpcServer } from '../rpc/server.ts';
import { domainHeads } from '../runtime/domains.ts';
import { hasOperator } from '../runtime/domain-registry.ts';
import { STATE_VERSION } from '../runtime/storage.ts';
import { DomainChain } from './chain.ts';
import { DOMAIN_ID, OPERATOR_ID, operatorAccount } from './genesis.ts';
import { DomainPool } from './pool.ts';
import { bundleHeaderHash, writeBundle, type BundleHeader } from './receipt.ts';
import { domainMethods } from './rpc.ts';

/** Every slot elects the only operator; nobody checks the proof, which stays empty. */
const NO_VRF = new Uint8Array(96);

export class AutoIdDomain {
  private constructor(
    /** Port of the RPC server. */
    readonly port: number,
    readonly chain: DomainChain,
    readonly pool: DomainPool,
    private readonly consensus: Chain,
    private readonly server: RpcServer,
    private readonly unfollow: () => void,
  ) {}

  /**
   * Derives the domain's chain and answers RPC on loopback, unless another port is named on the one after the
   * consensus chain's, or on a free one where that is taken. Rejects when the named port is taken.
   */
  static async start(consensus: Chain, rpcPort: number, options: NodeOptions): Promise<AutoIdDomain> {
    const chain = new DomainChain(consensus, options.dataDir);
    const pool = new DomainPool(chain);
    const { rpcOrigins, log, domainPort } = options;
    const server = new RpcServer(domainMethods(chain, pool), rpcOrigins, log);
    const port =
      domainPort === undefined
        ? await server.listen(rpcPort + 1).catch(() => server.listen(0))
        : await server.listen(domainPort);
    const unfollow = consensus.on('best', (best) => chain.follow(best));
    return new AutoIdDomain(port, chain, pool, consensus, server, unfollow);
  }

  /**
   * Extrinsic of a consensus block on `parent` with what the operator bundles: waiting transactions and the next
   * receipt. There is one in every block, so that receipts are confirmed whether somebody waits or not.
   */
  bundles(parent: Block, { slot, proofOfTime }: PreDigest): Uint8Array[] {
    const state = this.consensus.stateOf(parent.hash);
    if (!hasOperator(state, OPERATOR_ID)) return [];
    const head = this.chain.blockAfter(parent);
    const heads = domainHeads(state, DOMAIN_ID);
    let reported = head;
    while (reported.number > Math.min(heads.receipt + 1, heads.block))
      reported = this.chain.block(reported.parent)!;
    const extrinsics = this.pool.ready(head);
    const header: BundleHeader = {
      domainId: DOMAIN_ID,
      slot,
      proofOfTime,
      vrf: NO_VRF,
      operatorId: OPERATOR_ID,
      receipt: this.chain.receiptOf(reported),
      extrinsicsRoot: orderedTrieRoot(extrinsics, STATE_VERSION),
    };
    const { secret } = operatorAccount();
    const signature = sign(secret, EXTRINSIC_SIGNING_CONTEXT, bundleHeaderHash(header));
    const call = new ScaleWriter(2048).u8(12).u8(0);
    writeBundle(call, { header, signature, extrinsics });
    const extra = { era: IMMORTAL, nonce: 0n, tip: 0n };
    return [encodeExtrinsic({ kind: 'general', extensionVersion: 0, extra, call: call.bytes() })];
  }

  async stop(): Promise<void> {
    this.unfollow();
    await this.server.close();
    this.chain.close();
  }
}
