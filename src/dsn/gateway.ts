/** The gateway of the person's own: where it listens at the moment, and its bridge. */
import * as v from 'valibot';
import { within } from '../async/within.ts';
import { keptFrom } from '../network/local-access.ts';
import type { BridgeSettings } from './bridge.ts';

/** What a gateway answers at most, in bytes. */
const MAX_ANSWER = 64 * 1024;
const TIMEOUT_MS = 5_000;
const addressesShape = v.object({
  addresses: v.pipe(v.array(v.pipe(v.string(), v.maxLength(1024))), v.maxLength(64)),
});

/** A gateway that cannot be used; the message is a sentence for the person. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
}

/**
 * Multiaddresses of the gateway's peer, the fastest transport first. They hold certificate hashes that change, so
 * they are asked for whenever the gateway is to be dialled.
 *
 * @param url What the gateway printed, e.g. `http://127.0.0.1:30545`.
 * @throws GatewayError; the signal's reason.
 */
export async function gatewayAddresses(url: string, signal?: AbortSignal): Promise<string[]> {
  let text: string;
  try {
    text = await within(TIMEOUT_MS, signal, async (limit) => {
      const response = await fetch(endpoint(url, 'addresses'), {
        signal: limit,
        credentials: 'omit',
        cache: 'no-store',
      });
      if (response.status === 403)
        throw new GatewayError('The gateway does not serve this page: start it with --origin.');
      if (!response.ok) throw new GatewayError(`What answers at ${url} is no gateway.`);
      return limitedText(response);
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof GatewayError) throw error;
    const why = (await keptFrom(url)) ?? 'Is it running?';
    throw new GatewayError(`No gateway answers at ${url}. ${why}`, { cause: error });
  }
  const { success, output } = v.safeParse(addressesShape, parsed(text));
  if (!success) throw new GatewayError(`What answers at ${url} is no gateway.`);
  return [...output.addresses].sort((a, b) => speedRank(a) - speedRank(b));
}

/** The socket bridge of a gateway. Throws GatewayError for an address that is none. */
export function bridgeOf(url: string, code: string): BridgeSettings {
  const bridge = endpoint(url, 'bridge');
  bridge.protocol = bridge.protocol === 'https:' ? 'wss:' : 'ws:';
  return { url: bridge.href, code };
}

function endpoint(base: string, name: string): URL {
  let url: URL;
  try {
    url = new URL(base);
  } catch (error) {
    throw new GatewayError(`“${base.slice(0, 100)}” is not the address of a gateway.`, { cause: error });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new GatewayError('A gateway’s address begins with http:// or https://.');
  return new URL(`/${name}`, url);
}

async function limitedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > MAX_ANSWER) throw new GatewayError('The gateway answered too much.');
    parts.push(part);
  }
  return new TextDecoder().decode(await new Blob(parts as BlobPart[]).arrayBuffer());
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Measured between a tab and a gateway on one machine. */
function speedRank(address: string): number {
  const order = ['/webtransport', '/ws', '/webrtc-direct'];
  const rank = order.findIndex((transport) => address.includes(transport));
  return rank < 0 ? order.length : rank;
}
