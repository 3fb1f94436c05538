/**
 * WebRTC in a worker. Browsers give peer connections to pages only, but let their data channels move into workers.
 * So the page makes the connections and passes each channel on at once: bytes never touch its thread. What stands here
 * looks to libp2p like the browser's own interface.
 */
import { pause } from '../async/pause.ts';

/** What the worker asks of the page. `pc` and `call` are numbers that the worker chooses. */
export type RtcRequest =
  | { kind: 'open'; pc: number; configuration: RTCConfiguration; certificate: number | null }
  | { kind: 'call'; pc: number; call: number; method: RtcMethod; argument: unknown }
  | { kind: 'channel'; pc: number; call: number; label: string; options: RTCDataChannelInit | undefined }
  | { kind: 'certificate'; call: number; algorithm: unknown }
  | { kind: 'close'; pc: number };

export type RtcMethod =
  'createOffer' | 'createAnswer' | 'setLocalDescription' | 'setRemoteDescription' | 'addIceCandidate';

export interface RtcStates {
  connectionState: RTCPeerConnectionState;
  localDescription: RTCSessionDescriptionInit | null;
}

/** What the page says. */
export type RtcAnswer =
  | { kind: 'result'; call: number; value: unknown; states: RtcStates | null }
  | { kind: 'failure'; call: number; message: string }
  | { kind: 'channel'; call: number; channel: RTCDataChannel }
  | { kind: 'incoming'; pc: number; channel: RTCDataChannel }
  | { kind: 'candidate'; pc: number; candidate: RTCIceCandidateInit | null }
  | { kind: 'states'; pc: number; states: RtcStates };

/** Wait for a page that lends nothing, because it is an older one or has no WebRTC. */
const LENT_WITHIN_MS = 2_000;

let lend: () => void = () => undefined;
const lent = new Promise<void>((resolve) => (lend = resolve));

/** Waits until WebRTC was lent to this worker, a little while at most. Resolves to whether there is any. */
export async function haveWebRtc(): Promise<boolean> {
  if (typeof RTCPeerConnection === 'undefined') await Promise.race([lent, pause(LENT_WITHIN_MS)]);
  return typeof RTCPeerConnection !== 'undefined';
}

/** Puts connections that the page makes in the place of those that a worker does not have. */
export function borrowWebRtc(port: MessagePort): void {
  if (typeof RTCPeerConnection === 'undefined') {
    const page = new Lender(port);
    class LentPeerConnection extends PeerConnection {
      constructor(configuration: RTCConfiguration = {}) {
        super(page, configuration);
      }

      static generateCertificate(algorithm: unknown): Promise<unknown> {
        return page.ask((call) => ({ kind: 'certificate', call, algorithm }));
      }
    }
    Object.assign(globalThis, {
      RTCPeerConnection: LentPeerConnection,
      RTCSessionDescription: SessionDescription,
      RTCIceCandidate: IceCandidate,
    });
  }
  lend();
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  connection: PeerConnection | null;
}

/** The worker's end of the port to the page. */
class Lender {
  private readonly connections = new Map<number, PeerConnection>();
  private readonly waiting = new Map<number, Waiting>();
  private readonly channels = new Map<number, LentChannel>();
  private numbers = 0;

  constructor(private readonly port: MessagePort) {
    port.onmessage = ({ data }: MessageEvent<RtcAnswer>) => this.receive(data);
  }

  open(connection: PeerConnection, configuration: RTCConfiguration): number {
    const pc = (this.numbers += 1);
    this.connections.set(pc, connection);
    const { certificates, ...rest } = configuration;
    // What stands for a certificate here is the number under which the page has it.
    const [certificate = null] = (certificates ?? []) as unknown as number[];
    this.send({ kind: 'open', pc, configuration: rest, certificate });
    return pc;
  }

  ask(request: (call: number) => RtcRequest, connection: PeerConnection | null = null): Promise<unknown> {
    const call = (this.numbers += 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(call, { resolve, reject, connection });
      this.send(request(call));
    });
  }

  channel(pc: number, label: string, options: RTCDataChannelInit | undefined): RTCDataChannel {
    const call = (this.numbers += 1);
    const channel = new LentChannel(label, options, -call);
    this.channels.set(call, channel);
    this.send({ kind: 'channel', pc, call, label, options });
    return channel as unknown as RTCDataChannel;
  }

  close(pc: number): void {
    this.connections.delete(pc);
    this.send({ kind: 'close', pc });
  }

  private send(request: RtcRequest): void {
    this.port.postMessage(request);
  }

  private receive(answer: RtcAnswer): void {
    switch (answer.kind) {
      case 'result': {
        const asked = this.waiting.get(answer.call);
        if (answer.states !== null) asked?.connection?.now(answer.states);
        asked?.resolve(answer.value);
        this.waiting.delete(answer.call);
        break;
      }
      case 'failure':
        this.waiting.get(answer.call)?.reject(new Error(answer.message));
        this.channels.get(answer.call)?.failed(answer.message);
        this.waiting.delete(answer.call);
        this.channels.delete(answer.call);
        break;
      case 'channel':
        this.channels.get(answer.call)?.arrived(answer.channel);
        this.channels.delete(answer.call);
        break;
      case 'incoming': {
        const connection = this.connections.get(answer.pc);
        if (connection === undefined) answer.channel.close();
        else connection.tell('datachannel', { channel: answer.channel });
        break;
      }
      case 'candidate': {
        const candidate = answer.candidate && new IceCandidate(answer.candidate);
        this.connections.get(answer.pc)?.tell('icecandidate', { candidate });
        break;
      }
      case 'states':
        this.connections.get(answer.pc)?.now(answer.states);
        break;
    }
  }
}

/** An event target whose handlers can be set as properties, too: `onopen` and the like. */
class Handled extends EventTarget {
  [handler: `on${string}`]: ((event: Event) => void) | null | undefined;

  /** Tells listeners and the handler of that name of an event with these fields. */
  tell(type: string, fields: object = {}): void {
    const event = Object.assign(new Event(type), fields);
    this[`on${type}`]?.(event);
    this.dispatchEvent(event);
  }
}

class PeerConnection extends Handled {
  connectionState: RTCPeerConnectionState = 'new';
  localDescription: RTCSessionDescriptionInit | null = null;
  private readonly pc: number;

  constructor(
    private readonly page: Lender,
    configuration: RTCConfiguration,
  ) {
    super();
    this.pc = page.open(this, configuration);
  }

  createOffer(): Promise<unknown> {
    return this.call('createOffer', undefined);
  }

  createAnswer(): Promise<unknown> {
    return this.call('createAnswer', undefined);
  }

  setLocalDescription({ type, sdp }: RTCSessionDescriptionInit): Promise<unknown> {
    return this.call('setLocalDescription', { type, sdp });
  }

  setRemoteDescription({ type, sdp }: RTCSessionDescriptionInit): Promise<unknown> {
    return this.call('setRemoteDescription', { type, sdp });
  }

  addIceCandidate(candidate: IceCandidate): Promise<unknown> {
    return this.call('addIceCandidate', candidate.toJSON());
  }

  createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
    return this.page.channel(this.pc, label, options);
  }

  close(): void {
    if (this.connectionState === 'closed') return;
    this.connectionState = 'closed';
    this.page.close(this.pc);
  }

  /** Takes in how the connection stands. */
  now({ connectionState, localDescription }: RtcStates): void {
    this.localDescription = localDescription;
    if (this.connectionState === connectionState || this.connectionState === 'closed') return;
    this.connectionState = connectionState;
    this.tell('connectionstatechange');
  }

  private call(method: RtcMethod, argument: unknown): Promise<unknown> {
    return this.page.ask((call) => ({ kind: 'call', pc: this.pc, call, method, argument }), this);
  }
}

const CHANNEL_EVENTS = ['open', 'message', 'bufferedamountlow', 'closing', 'close', 'error'];

/** A channel that was asked for and can be used at once, though it comes from the page only a moment later. */
class LentChannel extends Handled {
  readonly protocol: string;
  private real: RTCDataChannel | null = null;
  private gone = false;
  private threshold = 0;

  constructor(
    readonly label: string,
    options: RTCDataChannelInit | undefined,
    private readonly number: number,
  ) {
    super();
    this.protocol = options?.protocol ?? '';
  }

  get id(): number {
    return this.real?.id ?? this.number;
  }

  get readyState(): RTCDataChannelState {
    if (this.gone) return 'closed';
    return this.real?.readyState ?? 'connecting';
  }

  get bufferedAmount(): number {
    return this.real?.bufferedAmount ?? 0;
  }

  get bufferedAmountLowThreshold(): number {
    return this.threshold;
  }

  set bufferedAmountLowThreshold(bytes: number) {
    this.threshold = bytes;
    if (this.real !== null) this.real.bufferedAmountLowThreshold = bytes;
  }

  /** Bytes come as array buffers, whatever is wanted: nobody here wants anything else. */
  readonly binaryType = 'arraybuffer';

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.real === null) throw new DOMException('the channel is not open', 'InvalidStateError');
    this.real.send(bytes);
  }

  close(): void {
    if (this.real === null) this.gone = true;
    else this.real.close();
  }

  arrived(channel: RTCDataChannel): void {
    if (this.gone) return channel.close();
    this.real = channel;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = this.threshold;
    for (const type of CHANNEL_EVENTS)
      channel.addEventListener(type, (event) => {
        const { data, error } = event as MessageEvent & RTCErrorEvent;
        this.tell(type, { data, error });
      });
  }

  failed(message: string): void {
    this.gone = true;
    this.tell('error', { error: new Error(message) });
    this.tell('close');
  }
}

class SessionDescription {
  readonly type: RTCSdpType;
  readonly sdp: string;

  constructor({ type, sdp = '' }: RTCSessionDescriptionInit) {
    this.type = type;
    this.sdp = sdp;
  }
}

class IceCandidate {
  readonly candidate: string;

  constructor(private readonly init: RTCIceCandidateInit) {
    this.candidate = init.candidate ?? '';
  }

  toJSON(): RTCIceCandidateInit {
    return this.init;
  }
}
