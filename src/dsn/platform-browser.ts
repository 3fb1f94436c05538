/** How a peer in a tab reaches others. */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { webRTC, webRTCDirect } from '@libp2p/webrtc';
import { webSockets } from '@libp2p/websockets';
import { webTransport } from '@libp2p/webtransport';
import { bridgedTcp, type BridgeHolder } from './bridge.ts';
import { wasmNoise } from './noise-wasm.ts';
import type { PeerPlatform } from './peer.ts';

/** No servers that learn which addresses the tab has: the library's own list names public ones. */
const RTC = { rtcConfiguration: { iceServers: [] } };

/**
 * Needs `loadWasm`.
 *
 * @param meetable Whether other tabs may reach this one, over relays it is connected to.
 * @param webRtc Whether there is WebRTC: in pages, and in workers to which it is lent.
 */
export function browserPlatform(meetable: boolean, webRtc = true): PeerPlatform {
  const bridge: BridgeHolder = { settings: null };
  const rtc = webRtc ? [webRTC(RTC), webRTCDirect(RTC)] : [];
  const listen = webRtc ? ['/webrtc', '/p2p-circuit'] : ['/p2p-circuit'];
  return {
    transports: [webSockets(), webTransport(), ...rtc, circuitRelayTransport(), bridgedTcp(bridge)],
    listen: meetable ? listen : [],
    bridge,
    noise: wasmNoise,
  };
}
