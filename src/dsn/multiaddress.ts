/** Addresses of peers as people write them. */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr';

/** A multiaddress in text, such as `/ip4/…/tcp/…/p2p/…`; null where the text is none. */
export function multiaddressOf(text: string): Multiaddr | null {
  try {
    return multiaddr(text);
  } catch {
    return null;
  }
}
