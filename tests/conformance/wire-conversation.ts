/** Whole conversations, frame by frame, with their subscriptions. */
import { JobPriority } from '../../src/crypto/jobs.ts';
import { createInlinePool } from '../../src/crypto/pool/inline.ts';
import { verifySignature } from '../../src/crypto/sr25519.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import {
  rewardSigningToJson,
  rewardSignatureFromJson,
  slotInfoToJson,
  solutionResponseFromJson,
} from '../../src/network/farmer-json.ts';
import { FarmerRpc, type ObjectMappingNotice } from '../../src/network/farmer-rpc.ts';
import { parseJson } from '../../src/network/json.ts';
import { NodeRpc } from '../../src/network/node-rpc.ts';
import { decodeMessage, encodeRequest } from '../../src/network/rpc.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { PIECE_BYTES, REWARD_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { toRpcHeader } from '../../src/protocol/header.ts';
import { globalObjectMappingToJson } from '../../src/protocol/object-mapping.ts';
import { segmentHeaderFromJson, segmentHeaderToJson } from '../../src/protocol/segment.ts';
import type { RewardSigningInfo, SegmentHeader, SlotInfo } from '../../src/protocol/types.ts';
import { expectSame } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';
import { checkCall, checkRequest, TYPED } from './wire-calls.ts';
import { bytes, RecordedNode, type Frame, type Request } from './wire-recordings.ts';

/** Notifications, decoded by the typed client and said in JSON again. */
const NOTIFICATIONS: Record<string, (node: NodeRpc, farmer: FarmerRpc) => unknown> = {
  subspace_slot_info: (_, farmer) => {
    const seen: SlotInfo[] = [];
    farmer.onSlot((slot) => seen.push(slot));
    return seen.map(slotInfoToJson)[0];
  },
  subspace_reward_signing: (_, farmer) => {
    const seen: RewardSigningInfo[] = [];
    farmer.onRewardSigning((request) => seen.push(request));
    return seen.map(rewardSigningToJson)[0];
  },
  subspace_archived_segment_header: (_, farmer) => {
    const seen: SegmentHeader[] = [];
    farmer.onArchivedSegmentHeader((header) => seen.push(header));
    return seen.map(segmentHeaderToJson)[0];
  },
  subspace_object_mappings: (_, farmer) => noticeOf((seen) => farmer.onObjectMappings(seen)),
  subspace_filtered_object_mappings: (_, farmer) =>
    noticeOf((seen) => farmer.onFilteredObjectMappings([], seen)),
  chain_newHead: (node) => headerOf(node, 'new'),
  chain_allHead: (node) => headerOf(node, 'all'),
  chain_finalizedHead: (node) => headerOf(node, 'finalized'),
};

function noticeOf(listen: (listener: (notice: ObjectMappingNotice) => void) => void): unknown {
  const seen: ObjectMappingNotice[] = [];
  listen((notice) => seen.push(notice));
  return seen.map(({ blockNumber, objects }) => ({ blockNumber, ...globalObjectMappingToJson(objects) }))[0];
}

function headerOf(node: NodeRpc, kind: 'new' | 'all' | 'finalized'): unknown {
  const seen: unknown[] = [];
  const refuse = (error: Error) => {
    throw error;
  };
  node.onHeader(kind, (header) => seen.push(toRpcHeader(header)), refuse);
  return seen[0];
}

const SUBSCRIBE: Record<string, (node: NodeRpc, farmer: FarmerRpc, params: unknown[]) => void> = {
  subspace_subscribeSlotInfo: (_, farmer) => void farmer.onSlot(() => undefined),
  subspace_subscribeRewardSigning: (_, farmer) => void farmer.onRewardSigning(() => undefined),
  subspace_subscribeArchivedSegmentHeader: (_, farmer) =>
    void farmer.onArchivedSegmentHeader(() => undefined),
  subspace_subscribeObjectMappings: (_, farmer) => void farmer.onObjectMappings(() => undefined),
  subspace_subscribeFilteredObjectMappings: (_, farmer, [hashes]) =>
    void farmer.onFilteredObjectMappings((hashes as string[]).map(bytes), () => undefined),
  chain_subscribeNewHeads: (node) =>
    void node.onHeader(
      'new',
      () => undefined,
      () => undefined,
    ),
  chain_subscribeAllHeads: (node) =>
    void node.onHeader(
      'all',
      () => undefined,
      () => undefined,
    ),
  chain_subscribeFinalizedHeads: (node) =>
    void node.onHeader(
      'finalized',
      () => undefined,
      () => undefined,
    ),
};

/** What a connection's frames say about each other: challenges of slots, hashes to sign. */
class Conversation {
  readonly requests = new Map<number, Request>();
  readonly subscriptions = new Map<string, string>();
  readonly slots = new Map<bigint, SlotInfo>();
  readonly signing = new Map<string, Uint8Array>();
  /** Segments that the node spoke of, from the genesis block's on. */
  private historySize = 1n;

  async check({ dir, frame, frame_len, truncated }: Frame): Promise<void> {
    if (dir !== 'client->node') expectSame('direction', 'node->client', dir);
    if (dir === 'client->node') await this.checkSent(frame);
    else if (truncated === true) this.checkTruncated(frame, frame_len ?? 0);
    else await this.checkReceived(frame);
  }

  private async checkSent(frame: string): Promise<void> {
    const request = parseJson(frame) as Request;
    this.requests.set(request.id, request);
    const { method, params = [] } = request;
    const node = new RecordedNode({ kind: 'result', id: request.id, result: null });
    const subscribe = SUBSCRIBE[method];
    if (subscribe !== undefined) {
      subscribe(new NodeRpc(node), new FarmerRpc(node, 'recorded'), params);
    } else if (/_unsubscribe/.test(method)) {
      const name = this.subscriptions.get(params[0] as string);
      expectSame('subscription', name?.replace('_subscribe', '_unsubscribe'), method);
      await node.call(method, params);
    } else {
      const typed = TYPED[method];
      if (typed === undefined) throw new Error(`nothing makes the call ${method}`);
      // What the node answered stands in another frame; here only the question counts.
      await typed(new NodeRpc(node), new FarmerRpc(node, 'recorded'), params).catch(() => undefined);
    }
    checkRequest(node.asked, request, frame);
    if (method === 'subspace_submitSolutionResponse') await this.checkSolution(params[0]);
    if (method === 'subspace_submitRewardSignature') await this.checkSignature(params[0]);
  }

  private async checkReceived(frame: string): Promise<void> {
    const message = decodeMessage(frame);
    if (message.kind === 'notification') {
      if (!this.subscriptions.has(message.subscription)) throw new Error('nobody subscribed to this');
      const decode = NOTIFICATIONS[message.method];
      if (decode === undefined) throw new Error(`nothing reads the notification ${message.method}`);
      const node = new RecordedNode(message);
      expectSame('notification', decode(new NodeRpc(node), new FarmerRpc(node, 'recorded')), message.result);
      this.note(message.method, new FarmerRpc(node, 'recorded'));
      if (message.method === 'subspace_archived_segment_header') this.noteSegment(message.result);
      return;
    }
    const request = this.requests.get(message.id ?? -1);
    if (request === undefined) throw new Error('an answer to a question that was not asked');
    if (SUBSCRIBE[request.method] !== undefined) {
      if (message.kind !== 'result') throw new Error('the subscription was refused');
      this.subscriptions.set(String(message.result), request.method);
    } else if (/_unsubscribe/.test(request.method)) {
      expectSame('unsubscribed', message.kind === 'result' && message.result, true);
    } else {
      const text = encodeRequest(request.id, request.method, request.params);
      await checkCall(text, frame);
      if (request.method.endsWith('egmentHeaders') && message.kind === 'result') {
        for (const header of message.result as unknown[]) if (header !== null) this.noteSegment(header);
      }
    }
  }

  private checkTruncated(frame: string, length: number): void {
    const id = Number(/^\{"jsonrpc":"2.0","id":(\d+),"result":"[0-9a-f]+$/.exec(frame)?.[1] ?? Number.NaN);
    expectSame('call', this.requests.get(id)?.method, 'subspace_piece');
    expectSame('length', length, `{"jsonrpc":"2.0","id":${id},"result":""}`.length + 2 * PIECE_BYTES);
  }

  private note(method: string, farmer: FarmerRpc): void {
    if (method === 'subspace_slot_info') farmer.onSlot((slot) => this.slots.set(slot.slotNumber, slot));
    if (method === 'subspace_reward_signing') {
      farmer.onRewardSigning(({ hash, publicKey }) => this.signing.set(toHex(hash), publicKey));
    }
  }

  private noteSegment(json: unknown): void {
    const { segmentIndex } = segmentHeaderFromJson(json);
    if (segmentIndex >= this.historySize) this.historySize = segmentIndex + 1n;
  }

  /** A solution that the farmer handed in wins its slot, under the challenge that the node had given. */
  private async checkSolution(json: unknown): Promise<void> {
    const { slotNumber, solution } = solutionResponseFromJson(json);
    const slot = this.slots.get(slotNumber);
    if (slot === undefined) throw new Error('a solution for a slot that was not announced');
    const { globalChallenge, votingSolutionRange: solutionRange } = slot;
    const options = { priority: JobPriority.audit };
    const pool = createInlinePool();
    const { distance } = await pool.run(
      'solution.check',
      { solution, globalChallenge, solutionRange },
      options,
    );
    if (distance > solutionRange / 2n) throw new Error('outside of the solution range');
    // A sector may be of the segment that is being archived while it is plotted.
    if (solution.historySize > this.historySize + 1n) throw new Error('a sector of a history that is not');
  }

  private async checkSignature(json: unknown): Promise<void> {
    await loadWasm();
    const { hash, signature } = rewardSignatureFromJson(json);
    const key = this.signing.get(toHex(hash));
    if (key === undefined || signature === null) throw new Error('a signature that was not asked for');
    if (!verifySignature(key, REWARD_SIGNING_CONTEXT, hash, signature)) {
      throw new Error('the reward signature does not hold');
    }
  }
}

export function* frameCases(file: string, frames: Frame[]): Generator<ConformanceCase> {
  const conversation = new Conversation();
  for (const [index, frame] of frames.entries()) {
    const method = /"method":"(\w+)"/.exec(frame.frame.slice(0, 200))?.[1] ?? 'reply';
    yield {
      name: `${file}: frame ${index} ${frame.dir} ${method}`,
      rule: 'json-rpc',
      run: () => conversation.check(frame),
    };
  }
}
