/** The cluster's controller in the place of a node: slots come from it, solutions and signatures go to it. */
import { clusterMessages } from '../protocol/cluster/messages.ts';
import type { ClusterFarmerAppInfo, Ulid } from '../protocol/cluster/values.ts';
import { FORGET_MS } from '../protocol/cluster/times.ts';
import type { FarmerAppInfo, RewardSigningInfo, SlotInfo, SlotNumber, Solution } from '../protocol/types.ts';
import type { AuthoringNode } from '../farm/source.ts';
import { SlotOrder } from '../farm/slot-order.ts';
import type { ClusterConnection } from './connection.ts';
import { ClusterError } from './errors.ts';

const NANOSECONDS = 1_000_000;

/** Throws ClusterError `failed` when the controller itself knows no answer. */
export async function clusterAppInfo(connection: ClusterConnection): Promise<FarmerAppInfo> {
  const answer = await connection.request(clusterMessages.farmerAppInfo, null);
  if (!answer.ok)
    throw new ClusterError('failed', answer.error, `The controller of the cluster says: ${answer.error}`);
  return fromCluster(answer.value);
}

/** Addresses of the storage network are left out: members of a cluster get their pieces through it. */
function fromCluster(info: ClusterFarmerAppInfo): FarmerAppInfo {
  return {
    genesisHash: info.genesisHash,
    dsnBootstrapNodes: [],
    syncing: info.syncing,
    farmingTimeoutMs: Number(info.farmingTimeout) / NANOSECONDS,
    protocolInfo: info.protocolInfo,
  };
}

export class ClusterNode implements AuthoringNode {
  private readonly order = new SlotOrder();
  private readonly slotListeners = new Set<(slot: SlotInfo) => void>();
  private readonly off: () => void;
  /** The controller that is followed: the one that sent the last slot, and when. */
  private controller: string | null = null;
  private last: { slot: SlotNumber; at: number } | null = null;

  /** `farmId`: in whose name solutions are broadcast, once it is known. */
  constructor(
    private readonly connection: ClusterConnection,
    private readonly farmId: () => Ulid | null,
  ) {
    this.off = connection.listen(clusterMessages.slotInfo, ({ slotInfo, instance }) =>
      this.onSlotInfo(slotInfo, instance),
    );
  }

  appInfo(): Promise<FarmerAppInfo> {
    return clusterAppInfo(this.connection);
  }

  onSlot(listener: (slot: SlotInfo) => void): () => void {
    this.slotListeners.add(listener);
    return () => this.slotListeners.delete(listener);
  }

  onRewardSigning(listener: (request: RewardSigningInfo) => void): () => void {
    return this.connection.listen(clusterMessages.rewardSigningInfo, listener);
  }

  /** Sends the solution to the controller of the last slot. Nobody answers: whether it came in time is not known. */
  async submitSolution(slotNumber: SlotNumber, solution: Solution): Promise<void> {
    const { controller } = this;
    if (controller === null)
      throw new ClusterError('nobody', 'no slot yet', 'No controller has sent a slot.');
    const response = { slotNumber, solution };
    this.connection.publish(clusterMessages.solution, response, controller);
    const farmId = this.farmId();
    if (farmId !== null)
      this.connection.publish(clusterMessages.solutionResponse, { farmId, response }, farmId);
  }

  async submitRewardSignature(hash: Uint8Array, signature: Uint8Array): Promise<void> {
    this.connection.publish(clusterMessages.rewardSignature, { hash, signature });
  }

  private onSlotInfo(slot: SlotInfo, instance: string): void {
    // Several controllers tell the same slots; the first that does gets the solutions, and those behind it none.
    const { last } = this;
    const now = performance.now();
    const behind = last !== null && slot.slotNumber <= last.slot && now - last.at < FORGET_MS;
    if (behind && instance !== this.controller) return;
    if (this.order.follow(slot.slotNumber) === null) return;
    this.controller = instance;
    this.last = { slot: slot.slotNumber, at: now };
    for (const listener of this.slotListeners) listener(slot);
  }

  close(): void {
    this.off();
    this.slotListeners.clear();
  }
}
