/**
 * Keeps the browser from freezing a tab that farms: browsers spare tabs with an open data channel. The channel
 * runs from the page to itself and asks no server for anything.
 */
let channel: { local: RTCPeerConnection; remote: RTCPeerConnection } | null = null;

/** Opens or closes the channel. Where the browser has none, nothing happens. */
export function keepAwake(on: boolean): void {
  if (!on) {
    channel?.local.close();
    channel?.remote.close();
    channel = null;
  } else if (channel === null && typeof RTCPeerConnection === 'function') {
    channel = { local: new RTCPeerConnection(), remote: new RTCPeerConnection() };
    void connect(channel.local, channel.remote).catch(() => keepAwake(false));
  }
}

async function connect(local: RTCPeerConnection, remote: RTCPeerConnection): Promise<void> {
  local.onicecandidate = ({ candidate }) => void remote.addIceCandidate(candidate ?? undefined);
  remote.onicecandidate = ({ candidate }) => void local.addIceCandidate(candidate ?? undefined);
  local.createDataChannel('awake');
  await local.setLocalDescription(await local.createOffer());
  await remote.setRemoteDescription(local.localDescription!);
  await remote.setLocalDescription(await remote.createAnswer());
  await local.setRemoteDescription(remote.localDescription!);
}
