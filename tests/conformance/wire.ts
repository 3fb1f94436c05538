/** What a reference node and farmer said to each other, and a recorded chain: read, and said the same way. */
import { JobPriority } from '../../src/crypto/jobs.ts';
import { createInlinePool } from '../../src/crypto/pool/inline.ts';
import { PotVerifier, type PotVerdict } from '../../src/crypto/pot-verifier.ts';
import { randomBelow } from '../../src/crypto/random.ts';
import { verifySignature } from '../../src/crypto/sr25519.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import type { GenesisFacts } from '../../src/chain/genesis.ts';
import { claimedSlots } from '../../src/chain/rules/proof-of-time.ts';
import type { VerifiedBlock } from '../../src/chain/verifier.ts';
import {
  farmerAppInfoToJson,
  rewardSigningToJson,
  rewardSignatureFromJson,
  slotInfoToJson,
  solutionResponseFromJson,
} from '../../src/network/farmer-json.ts';
import { FarmerRpc, type ObjectMappingNotice } from '../../src/network/farmer-rpc.ts';
import { parseJson } from '../../src/network/json.ts';
import { NodeRpc } from '../../src/network/node-rpc.ts';
import { PUBLIC_CONSTANTS } from '../../src/network/presets.ts';
import { decodeMessage, encodeRequest, type RpcCaller, type RpcMessage } from '../../src/network/rpc.ts';
import { RpcError } from '../../src/network/rpc-error.ts';
import { subspacePayload } from '../../src/network/source.ts';
import {
  decodeSignedBlock,
  encodeSignedBlock,
  fromRpcSignedBlock,
  toRpcSignedBlock,
} from '../../src/protocol/block.ts';
import { fromHex, toHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { PIECE_BYTES, REWARD_SIGNING_CONTEXT, SUBSPACE_ENGINE } from '../../src/protocol/constants.ts';
import { decodeExtrinsic, encodeExtrinsic } from '../../src/protocol/extrinsic.ts';
import { headerHash, toRpcHeader } from '../../src/protocol/header.ts';
import { globalObjectMappingToJson } from '../../src/protocol/object-mapping.ts';
import { segmentHeaderFromJson, segmentHeaderToJson } from '../../src/protocol/segment.ts';
import { orderedTrieRoot } from '../../src/protocol/trie.ts';
import type { RewardSigningInfo, SegmentHeader, SlotInfo } from '../../src/protocol/types.ts';
import { Replay, unprefixed } from './chain-support.ts';
import { expectSame, type Recorded } from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

interface BlocksFile {
  blocks: { number: number; hash: string; reply: Recorded & { block: Recorded; justifications: unknown } }[];
}

interface Truncated {
  truncated_text: string;
  text_len: number;
  result_len_bytes: number;
  result_sha256: string;
}

interface CallsFile {
  calls: { request: string; reply: string | Truncated }[];
  subscriptions?: Frame[];
}

interface Frame {
  dir: string;
  frame: string;
  /** Characters of a frame that is recorded shortened. */
  frame_len?: number;
  truncated?: boolean;
}

interface Request {
  id: number;
  method: string;
  params?: unknown[];
}

/** A node that answers every call with the same recorded reply, and notes what it was asked. */
class RecordedNode implements RpcCaller {
  asked: { method: string; params: readonly unknown[] | undefined } | null = null;

  constructor(private readonly reply: RpcMessage) {}

  async call(method: string, params?: readonly unknown[]): Promise<unknown> {
    this.asked = { method, params };
    if (this.reply.kind === 'error') {
      const { code, message, data } = this.reply;
      throw new RpcError(code, method, message, data);
    }
    if (this.reply.kind !== 'result') throw new Error('a notification is no reply');
    return this.reply.result;
  }

  subscribe(
    method: string,
    _unsubscribe: string,
    params: readonly unknown[] | undefined,
    listener: (result: unknown) => void,
  ) {
    this.asked = { method, params };
    if (this.reply.kind === 'notification') listener(this.reply.result);
    return { close: () => undefined };
  }
}

type Typed = (node: NodeRpc, farmer: FarmerRpc, params: unknown[]) => Promise<unknown>;

const bytes = (value: unknown): Uint8Array => fromHex(value as string);
const maybe = (value: unknown): Uint8Array | undefined =>
  typeof value === 'string' ? bytes(value) : undefined;
const prefixed = (value: Uint8Array | null): string | null => value && toPrefixedHex(value);
const headersToJson = (headers: (SegmentHeader | null)[]) =>
  headers.map((header) => header && segmentHeaderToJson(header));

/** Each call made through the typed client, its result said in JSON again. */
const TYPED: Record<string, Typed> = {
  rpc_methods: async (node) => ({ methods: await node.methods() }),
  system_properties: (node) => node.properties(),
  system_name: (node) => node.nodeName(),
  system_version: (node) => node.nodeVersion(),
  system_chain: (node) => node.chainName(),
  system_chainType: (node) => node.chainType(),
  system_health: (node) => node.health(),
  system_syncState: async (node) => {
    const { starting, current, highest } = await node.syncState();
    return { startingBlock: starting, currentBlock: current, highestBlock: highest };
  },
  system_localPeerId: (node) => node.localPeerId(),
  system_localListenAddresses: (node) => node.localListenAddresses(),
  chain_getFinalizedHead: async (node) => prefixed(await node.finalizedHead()),
  chain_getBlockHash: async (node, _, [number]) =>
    prefixed(await node.blockHash(number as number | undefined)),
  chain_getHeader: async (node, _, [hash]) => {
    const header = await node.header(maybe(hash));
    if (header !== null && hash !== undefined) expectSame('hash', headerHash(header), unprefixed(hash));
    return header && toRpcHeader(header);
  },
  chain_getBlock: async (node, _, [hash]) => {
    const block = await node.block(maybe(hash));
    if (block !== null) expectSame('hash', headerHash(block.header), unprefixed(hash));
    return block && toRpcSignedBlock(block);
  },
  state_getRuntimeVersion: async (node, _, [at]) => {
    const { specName, specVersion, transactionVersion } = await node.runtimeVersion(maybe(at));
    return { specName, specVersion, transactionVersion };
  },
  state_getReadProof: async (node, _, [keys, at]) => {
    const proof = await node.readProof((keys as string[]).map(bytes), maybe(at));
    return { at: toPrefixedHex(proof.at), proof: proof.proof.map(toPrefixedHex) };
  },
  state_getStorage: async (node, _, [key, at]) => prefixed(await node.storage(bytes(key), maybe(at))),
  state_call: async (node, _, [method, data, at]) =>
    prefixed(await node.stateCall(method as string, bytes(data), maybe(at))),
  mmr_root: async (node, _, [at]) => prefixed(await node.mmrRoot(maybe(at))),
  mmr_generateProof: async (node, _, [blocks, best, at]) => {
    const proof = await node.mmrProof(blocks as number[], best as number | null, maybe(at) ?? null);
    return {
      blockHash: toPrefixedHex(proof.blockHash),
      leaves: toPrefixedHex(proof.leaves),
      proof: toPrefixedHex(proof.proof),
    };
  },
  subspace_getFarmerAppInfo: async (_, farmer) => farmerAppInfoToJson(await farmer.appInfo()),
  subspace_lastSegmentHeaders: async (_, farmer, [limit]) =>
    headersToJson(await farmer.lastSegmentHeaders(limit as number)),
  subspace_segmentHeaders: async (_, farmer, [segments]) =>
    headersToJson(await farmer.segmentHeaders((segments as number[]).map(BigInt))),
  subspace_piece: async (_, farmer, [index]) => {
    const piece = await farmer.piece(BigInt(index as number));
    return piece && toHex(piece);
  },
  subspace_acknowledgeArchivedSegmentHeader: async (_, farmer, [segment]) => {
    await farmer.acknowledgeSegmentHeader(BigInt(segment as number));
    return null;
  },
  subspace_submitSolutionResponse: async (_, farmer, [response]) => {
    const { slotNumber, solution } = solutionResponseFromJson(response);
    await farmer.submitSolution(slotNumber, solution);
    return null;
  },
  subspace_submitRewardSignature: async (_, farmer, [response]) => {
    const { hash, signature } = rewardSignatureFromJson(response);
    await farmer.submitRewardSignature(hash, signature);
    return null;
  },
};

/** What a typed client leaves out of a result because nothing needs it. */
const UNREAD: Record<string, string[]> = {
  system_properties: ['domainsBootstrapNodes'],
  state_getRuntimeVersion: [
    'implName',
    'authoringVersion',
    'implVersion',
    'apis',
    'systemVersion',
    'stateVersion',
  ],
};

/** Makes a recorded call again. Returns what was sent, and the result said in JSON again. */
async function repeat(request: Request, reply: RpcMessage) {
  const recorded = new RecordedNode(reply);
  const typed = TYPED[request.method];
  if (typed === undefined) throw new Error(`nothing reads the reply to ${request.method}`);
  const result = await typed(
    new NodeRpc(recorded),
    new FarmerRpc(recorded, 'recorded'),
    request.params ?? [],
  );
  return { asked: recorded.asked, result };
}

/** The text that the client sends must be the recorded one; left-out parameters may be said as an empty list. */
function checkRequest(asked: RecordedNode['asked'], request: Request, text: string): void {
  const empty = request.params?.length === 0 ? [] : undefined;
  expectSame('request', encodeRequest(request.id, asked?.method ?? '', asked?.params ?? empty), text);
}

async function checkCall(text: string, reply: string): Promise<void> {
  const request = parseJson(text) as Request;
  const message = decodeMessage(reply);
  if (message.kind === 'notification') throw new Error('a notification is no reply');
  expectSame('id', message.id, request.id);
  if (message.kind === 'error') {
    const recorded = new RecordedNode(message);
    const error: unknown = await recorded
      .call(request.method, request.params)
      .catch((thrown: unknown) => thrown);
    if (!(error instanceof RpcError)) throw new Error('the refusal did not become an RpcError');
    checkRequest(recorded.asked, request, text);
    const { code, message: why, data } = (parseJson(reply) as { error: Recorded }).error;
    expectSame('code', error.code, code);
    expectSame('message', error.message, `${request.method}: ${String(why)}`);
    expectSame('data', error.data ?? null, data ?? null);
    return;
  }
  const { asked, result } = await repeat(request, message);
  checkRequest(asked, request, text);
  const unread = UNREAD[request.method] ?? [];
  const expected =
    unread.length === 0
      ? message.result
      : Object.fromEntries(
          Object.entries(message.result as Recorded).filter(([key]) => !unread.includes(key)),
        );
  expectSame('result', result, expected);
}

/** A piece's reply is recorded shortened: its beginning, its length and its hash. */
function checkTruncated(request: Request, reply: Truncated): void {
  const head = `{"jsonrpc":"2.0","id":${request.id},"result":"`;
  if (!reply.truncated_text.startsWith(head)) throw new Error('not the reply to this call');
  expectSame('length', reply.text_len, head.length + 2 * PIECE_BYTES + '"}'.length);
  expectSame('bytes', reply.result_len_bytes, PIECE_BYTES);
  expectSame('hash', reply.result_sha256.length, 64);
}

function* callCases(file: string, { calls }: CallsFile): Generator<ConformanceCase> {
  for (const { request: text, reply } of calls) {
    const request = parseJson(text) as Request;
    yield {
      name: `${file}: ${request.id} ${request.method}`,
      rule: 'json-rpc',
      run: () => (typeof reply === 'string' ? checkCall(text, reply) : checkTruncated(request, reply)),
    };
  }
}

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

function* frameCases(file: string, frames: Frame[]): Generator<ConformanceCase> {
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

/**
 * Accepts the proof of time of recorded blocks unseen: a slot of the real pace takes seconds on one core. Two
 * checkpoints drawn at random are verified for real by a case of their own.
 */
class UnseenTime extends PotVerifier {
  override async verify(slots: readonly unknown[]): Promise<PotVerdict> {
    return { mode: 'sampled', slots: slots.length, iterations: 0 };
  }
}

const SAMPLED_SLOTS = 2;
/** Of the trie of extrinsics, in the runtime of that release. */
const EXTRINSICS_STATE_VERSION = 1;

/** What the recorded chain began with, as the node's later answers about unchanged values have it. */
function genesisOf({ blocks }: BlocksFile, long: CallsFile | null): GenesisFacts {
  const header = fromRpcSignedBlock(blocks[0]?.reply).header;
  const result = (method: string): Uint8Array | null => {
    const call = long?.calls.find(({ request }) => request.includes(`"${method}"`));
    if (call === undefined || typeof call.reply !== 'string') return null;
    return bytes((parseJson(call.reply) as { result: string }).result);
  };
  const ranges = result('SubspaceApi_solution_ranges');
  const pot = result('SubspaceApi_pot_parameters');
  const adjust = result('SubspaceApi_should_adjust_solution_range');
  if (ranges === null || pot === null || adjust === null)
    throw new Error('the answers about this chain are missing');
  return {
    header,
    solutionRange: new DataView(ranges.buffer).getBigUint64(0, true),
    potSlotIterations: new DataView(pot.buffer).getUint32(1, true),
    externalEntropy: '',
    restricted: false,
    adjusting: adjust[0] === 1,
    firstCommitment: null,
  };
}

async function* blockCases(file: BlocksFile, long: CallsFile | null): AsyncGenerator<ConformanceCase> {
  const name = 'wire/blocks';
  for (const { number, hash, reply } of file.blocks) {
    yield {
      name: `${name}: ${number}`,
      rule: 'signed-block',
      run: () => {
        const block = fromRpcSignedBlock(reply);
        expectSame('JSON', toRpcSignedBlock(block), reply);
        expectSame('SCALE', toRpcSignedBlock(decodeSignedBlock(encodeSignedBlock(block))), reply);
        expectSame('number', block.header.number, number);
        expectSame('hash', headerHash(block.header), unprefixed(hash));
        const { extrinsics, justifications, header } = block;
        expectSame(
          'extrinsics root',
          orderedTrieRoot(extrinsics, EXTRINSICS_STATE_VERSION),
          header.extrinsicsRoot,
        );
        const engines = justifications?.map(({ engine }) => engine) ?? null;
        expectSame('engines', engines, number === 0 ? null : [SUBSPACE_ENGINE]);
        for (const extrinsic of extrinsics) {
          expectSame('extrinsic', encodeExtrinsic(decodeExtrinsic(extrinsic)), extrinsic);
        }
      },
    };
  }
  if (long === null) return;
  const blocks = file.blocks.slice(1).map(({ reply }) => {
    const { header, justifications } = fromRpcSignedBlock(reply);
    return { header, justification: subspacePayload(justifications) };
  });
  // The runtime of that release and its constants are those of the public networks.
  const replay = await Replay.open(
    genesisOf(file, long),
    PUBLIC_CONSTANTS,
    (pool) => new UnseenTime(pool, { mode: 'full' }),
  );
  const verified: VerifiedBlock[] = [];
  yield {
    name: `${name}: all rules but the walk of time`,
    rule: 'import',
    run: async () => {
      verified.push(...(await replay.import(blocks)));
      expectSame('best', replay.tree.best.context.hash, unprefixed(file.blocks.at(-1)?.hash));
    },
  };
  for (let index = 0; index < SAMPLED_SLOTS; index += 1) {
    yield {
      name: `${name}: a checkpoint of a slot drawn at random (${index})`,
      rule: 'pot-checkpoints',
      run: async () => {
        const { block } = verified[randomBelow(verified.length)] as VerifiedBlock;
        const slots = claimedSlots(block, PUBLIC_CONSTANTS.blockAuthoringDelay);
        const slot = slots[randomBelow(slots.length)] as (typeof slots)[number];
        const pot = new PotVerifier(createInlinePool(), { mode: 'sampled', checkpointsPerSlot: 1 });
        await pot.verify([slot], { priority: JobPriority.catchUp });
      },
    };
  }
}

async function* cases(ctx: ConformanceContext, files: string[]): AsyncGenerator<ConformanceCase> {
  const load = <T>(name: string): Promise<T> | null =>
    files.includes(`wire/${name}`) ? ctx.json<T>(`wire/${name}`) : null;
  const calls = await load<CallsFile>('rpc_calls.json');
  const long = await load<CallsFile>('rpc_calls_long_chain.json');
  const connection = await load<{ frames: Frame[] }>('rpc_farmer_connection.json');
  const blocks = await load<BlocksFile>('blocks.json');
  if (calls) {
    yield* callCases('wire/rpc_calls', calls);
    yield* frameCases('wire/rpc_calls', calls.subscriptions ?? []);
  }
  if (long) yield* callCases('wire/rpc_calls_long_chain', long);
  if (connection) yield* frameCases('wire/rpc_farmer_connection', connection.frames);
  if (blocks) yield* blockCases(blocks, long);
}

export const wire: ConformanceSuite = {
  files: [/^wire\/(blocks|rpc_calls|rpc_calls_long_chain|rpc_farmer_connection)\.json$/],
  cases,
};
