/** Calls as they were recorded: asked the same way, and the answers read and said the same way. */
import {
  farmerAppInfoToJson,
  rewardSignatureFromJson,
  solutionResponseFromJson,
} from '../../src/network/farmer-json.ts';
import { FarmerRpc } from '../../src/network/farmer-rpc.ts';
import { parseJson } from '../../src/network/json.ts';
import { NodeRpc } from '../../src/network/node-rpc.ts';
import { RpcError } from '../../src/network/rpc-error.ts';
import { decodeMessage, encodeRequest, type RpcMessage } from '../../src/network/rpc.ts';
import { toRpcSignedBlock } from '../../src/protocol/block.ts';
import { toHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { PIECE_BYTES } from '../../src/protocol/constants.ts';
import { headerHash, toRpcHeader } from '../../src/protocol/header.ts';
import { segmentHeaderToJson } from '../../src/protocol/segment.ts';
import type { SegmentHeader } from '../../src/protocol/types.ts';
import { unprefixed } from './chain-support.ts';
import { expectSame, type Recorded } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';
import { bytes, RecordedNode, type CallsFile, type Request, type Truncated } from './wire-recordings.ts';

type Typed = (node: NodeRpc, farmer: FarmerRpc, params: unknown[]) => Promise<unknown>;

const maybe = (value: unknown): Uint8Array | undefined =>
  typeof value === 'string' ? bytes(value) : undefined;

const prefixed = (value: Uint8Array | null): string | null => value && toPrefixedHex(value);

const headersToJson = (headers: (SegmentHeader | null)[]) =>
  headers.map((header) => header && segmentHeaderToJson(header));

/** Each call made through the typed client, its result said in JSON again. */
export const TYPED: Record<string, Typed> = {
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
export function checkRequest(asked: RecordedNode['asked'], request: Request, text: string): void {
  const empty = request.params?.length === 0 ? [] : undefined;
  expectSame('request', encodeRequest(request.id, asked?.method ?? '', asked?.params ?? empty), text);
}

export async function checkCall(text: string, reply: string): Promise<void> {
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

export function* callCases(file: string, { calls }: CallsFile): Generator<ConformanceCase> {
  for (const { request: text, reply } of calls) {
    const request = parseJson(text) as Request;
    yield {
      name: `${file}: ${request.id} ${request.method}`,
      rule: 'json-rpc',
      run: () => (typeof reply === 'string' ? checkCall(text, reply) : checkTruncated(request, reply)),
    };
  }
}
