/** What nodes that serve farmers give to the storage network while they are connected. */
import { sharedByNode } from '../dsn/reach.ts';
import type { SegmentHeaderSource } from '../dsn/segment-history.ts';
import { RpcError } from '../network/rpc-error.ts';
import type { RpcSource } from '../network/source.ts';
import type { MappingNode } from '../objects/locators.ts';
import type { PieceIndex } from '../protocol/types.ts';

/** A call of a node that is away waits for it, and everything else with it. */
function connectedOf(sources: readonly RpcSource[]): readonly RpcSource[] {
  return sources.filter(({ state }) => state === 'connected');
}

/** A node that has no pieces, and tells no places, while it is away. */
export function whileConnected(source: RpcSource): MappingNode & {
  piece(index: PieceIndex, signal?: AbortSignal): Promise<Uint8Array | null>;
} {
  const { name, farmer } = source;
  return {
    name,
    piece: async (index, signal) => (source.state === 'connected' ? farmer.piece(index, signal) : null),
    onFilteredObjectMappings: (hashes, listener, news) => {
      if (source.state === 'connected') return farmer.onFilteredObjectMappings(hashes, listener, news);
      const away = new RpcError('disconnected', name, 'not connected');
      queueMicrotask(() => news.failed?.(away));
      return () => undefined;
    },
  };
}

/** Headers of segments from nodes. `blame` is told of one whose headers are wrong. */
export function headersOfNodes(
  sources: readonly RpcSource[],
  blame: (node: string, reason: string) => void,
): SegmentHeaderSource[] {
  return connectedOf(sources).map(({ farmer }) => ({
    name: farmer.name,
    headers: (segments, signal) => farmer.segmentHeaders(segments, { signal }),
    blame: (reason) => blame(farmer.name, reason),
  }));
}

/** Multiaddresses of peers that the nodes name; a node that names none, or does not serve farmers, is no failure. */
export async function bootstrapOf(sources: readonly RpcSource[]): Promise<string[]> {
  const named = connectedOf(sources).map(async ({ name, farmer }) =>
    sharedByNode(name, (await farmer.appInfo()).dsnBootstrapNodes),
  );
  const answers = await Promise.allSettled(named);
  return answers.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}
