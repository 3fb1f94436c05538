/** How a peer in a tab reaches others. */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { webRTC, webRTCDirect } from '@libp2p/webrtc';
import { webSockets } from '@libp2p/websockets';
import { webTransport } from '@libp2p/webtransport';
import { bridgedTcp, type BridgeSettings } from './bridge.ts';
import type { PeerPlatform } from './peer.ts';

/** No servers that learn which addresses the tab has: the library's own list names public ones. */
const RTC = { rtcConfiguration: { iceServers: [] } };

export interface BrowserPlatformOptions {
  /** Whether other tabs may reach this one, over relays it is connected to. */
  meetable: boolean;
  /** The socket bridge of the person's gateway; null: peers that speak TCP only are out of reach. */
  bridge: BridgeSettings | null;
}

/** Workers have no WebRTC; other tabs reach them through a relay then. */
export function browserPlatform({ meetable, bridge }: BrowserPlatformOptions): PeerPlatform {
  const hasRtc = 'RTCPeerConnection' in globalThis;
  const listen = hasRtc ? ['/webrtc', '/p2p-circuit'] : ['/p2p-circuit'];
  return {
    transports: [
      webSockets(),
      webTransport(),
      ...(hasRtc ? [webRTC(RTC), webRTCDirect(RTC)] : []),
      circuitRelayTransport(),
      ...(bridge === null ? [] : [bridgedTcp(bridge)]),
    ],
    listen: meetable ? listen : [],
  };
}
