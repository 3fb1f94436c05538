/** Objects that a local network has in its prepared history, to try. */
import type { RpcSource } from '../network/source.ts';
import { objectPath, parseObjectLink } from '../objects/link.ts';

/** A sample that the network offers to try. */
export interface SampleView {
  name: string;
  about: string;
  cid: string;
  path: string;
  kind: string;
  bytes: number;
}

/** Samples of a local network; other networks have none. */
export async function samplesOf(sources: readonly RpcSource[]): Promise<SampleView[]> {
  for (const { client, state } of sources) {
    if (state !== 'connected') continue;
    const list = await client.call('localNetwork_samples', []).catch(() => null);
    const samples = (Array.isArray(list) ? list : []).map(sampleOf).filter((sample) => sample !== null);
    if (samples.length > 0) return samples;
  }
  return [];
}

function sampleOf(json: unknown): SampleView | null {
  const { name, about, cid, kind, bytes, pieceIndex, offset } = json as Record<string, unknown>;
  try {
    const hints = [{ pieceIndex: BigInt(pieceIndex as number), offset: Number(offset) }];
    const link = { cid: parseObjectLink(String(cid)).cid, hints };
    return {
      name: String(name),
      about: String(about),
      cid: link.cid,
      path: objectPath(link),
      kind: String(kind),
      bytes: Number(bytes),
    };
  } catch {
    return null;
  }
}
