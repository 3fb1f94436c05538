/** The page's part of WebRTC in the node's worker: makes connections, and passes their channels on. */
import type { RtcAnswer, RtcRequest, RtcStates } from '../node/lent-rtc.ts';
import { messageOf } from '../protocol/errors.ts';

/** Lends connections over a port until its other end is gone. Does nothing in a browser that has none. */
export function lendWebRtc(port: MessagePort): void {
  const connections = new Map<number, RTCPeerConnection>();
  const certificates = new Map<number, RTCCertificate>();
  const send = (answer: RtcAnswer, transfer: Transferable[] = []): void => port.postMessage(answer, transfer);

  const open = (pc: number, configuration: RTCConfiguration, certificate: number | null): void => {
    const own = certificate === null ? undefined : certificates.get(certificate);
    if (certificate !== null) certificates.delete(certificate);
    const connection = new RTCPeerConnection(
      own === undefined ? configuration : { ...configuration, certificates: [own] },
    );
    connections.set(pc, connection);
    connection.onicecandidate = ({ candidate }) =>
      send({ kind: 'candidate', pc, candidate: candidate?.toJSON() ?? null });
    connection.onconnectionstatechange = () => send({ kind: 'states', pc, states: statesOf(connection) });
    // A channel can move only in the turn in which it came about.
    connection.ondatachannel = ({ channel }) => send({ kind: 'incoming', pc, channel }, [movable(channel)]);
  };

  const answer = async (request: RtcRequest): Promise<void> => {
    switch (request.kind) {
      case 'open':
        open(request.pc, request.configuration, request.certificate);
        break;
      case 'close':
        connections.get(request.pc)?.close();
        connections.delete(request.pc);
        break;
      case 'certificate':
        certificates.set(
          request.call,
          await RTCPeerConnection.generateCertificate(request.algorithm as AlgorithmIdentifier),
        );
        send({ kind: 'result', call: request.call, value: request.call, states: null });
        break;
      case 'channel': {
        const channel = known(connections, request.pc).createDataChannel(request.label, request.options);
        send({ kind: 'channel', call: request.call, channel }, [movable(channel)]);
        break;
      }
      case 'call': {
        const connection = known(connections, request.pc);
        const method = connection[request.method] as (
          argument: unknown,
        ) => Promise<RTCSessionDescriptionInit | void>;
        const value = plain(await method.call(connection, request.argument));
        send({ kind: 'result', call: request.call, value, states: statesOf(connection) });
        break;
      }
    }
  };

  port.onmessage = ({ data }: MessageEvent<RtcRequest>) => {
    answer(data).catch((error: unknown) => {
      const message = messageOf(error);
      if ('call' in data) send({ kind: 'failure', call: data.call, message });
    });
  };
}

function known(connections: ReadonlyMap<number, RTCPeerConnection>, pc: number): RTCPeerConnection {
  const connection = connections.get(pc);
  if (connection === undefined) throw new Error('the connection is closed');
  return connection;
}

function statesOf({ connectionState, localDescription }: RTCPeerConnection): RtcStates {
  return { connectionState, localDescription: plain(localDescription) ?? null };
}

/** A description as it can be sent. */
function plain(description: RTCSessionDescriptionInit | null | void): RTCSessionDescriptionInit | undefined {
  return description ? { type: description.type, sdp: description.sdp } : undefined;
}

/** Data channels are transferable where they are lent, which the types do not know yet. */
function movable(channel: RTCDataChannel): Transferable {
  return channel as unknown as Transferable;
}
