/**
 * Who may tell of which addresses. Addresses of a machine or of a home’s network mean another machine to everybody
 * else: a stranger who tells of them would have this peer knock at the doors of its own network.
 */
import { isLoopback, isPrivate } from '@libp2p/utils';
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr';
import { multiaddressOf } from './multiaddress.ts';

/** What a network translates to IPv4 addresses, private ones among them: RFC 6052, RFC 8215. */
const TRANSLATED = /^\/ip6\/64:ff9b:/;

/** How near one has to be for an address to mean what it means to its teller: 0 anywhere, 1 in its network, 2 on its machine. */
function nearness(address: Multiaddr): 0 | 1 | 2 {
  if (isLoopback(address) || /^\/dns[46]?\/localhost\//.test(address.toString())) return 2;
  return isPrivate(address) || TRANSLATED.test(address.toString()) ? 1 : 0;
}

/**
 * The addresses that mean the same to both ends of a line: what somebody who is reached so may tell of, and may be told.
 * The network’s rule that addresses which are not global are neither dialled nor passed on, unless the network is a
 * private one.
 *
 * @param addresses Binary multiaddresses; what is none is left out.
 * @param line Address of the other end.
 */
export function sharedWith(line: Multiaddr, addresses: readonly Uint8Array[]): Uint8Array[] {
  const near = nearness(line);
  return addresses.filter((bytes) => {
    try {
      return nearness(multiaddr(bytes)) <= near;
    } catch {
      return false;
    }
  });
}

/** The multiaddresses among those that a node names which its own place lets it name. `url`: its WebSocket. */
export function sharedByNode(url: string, addresses: readonly string[]): string[] {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const kind = host.includes(':') ? 'ip6' : /^[\d.]+$/.test(host) ? 'ip4' : 'dns';
  // Of a line only the host counts.
  const line = multiaddr(`/${kind}/${host}/tcp/0`);
  return addresses.filter((one) => {
    const address = multiaddressOf(one);
    return address !== null && sharedWith(line, [address.bytes]).length > 0;
  });
}
