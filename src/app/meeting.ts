/**
 * Two people in one network, connected by a data channel of their browsers: what they would hand each other as files
 * or codes goes over it. No server takes part, and the connection has keys of its own that are used once.
 */
import { concat, utf8 } from '../protocol/bytes.ts';
import {
  checkDigits,
  codeOf,
  decodeMeetingCode,
  descriptionOf,
  encodeMeetingCode,
  type MeetingCode,
} from './meeting-code.ts';

const CHANNEL = { label: 'allotment/meeting/1', options: { negotiated: true, id: 0, ordered: true } };
/** Bytes in one message of the channel; browsers agree on no more than 16 KiB. */
const SLICE_BYTES = 16 * 1024;
const MAX_TEXT_BYTES = 2 * 1024 * 1024;
/** Things from the other end that wait to be looked at. */
const MAX_WAITING = 8;
const GATHERING_MS = 5000;

/** What can be handed over. */
const KINDS = ['request', 'answer', 'credential', 'credential-request'] as const;
export type MeetingKind = (typeof KINDS)[number];
export interface MeetingMessage {
  kind: MeetingKind;
  text: string;
}

export interface MeetingView {
  /** `offering`, `joined`: the own code is shown and the other end waited for. */
  state: 'none' | 'starting' | 'offering' | 'joined' | 'connected' | 'ended';
  /** To be handed to the other, or null. */
  code: string | null;
  /** Six digits to compare, once both codes are known. */
  digits: string | null;
  /** What came and was not looked at, oldest first. */
  waiting: MeetingMessage[];
  /** Why it ended, for the person. */
  trouble: string | null;
}

const NONE: MeetingView = { state: 'none', code: null, digits: null, waiting: [], trouble: null };

/** Puts a message together from the slices of a channel. */
export class Assembler {
  private parts: Uint8Array[] = [];
  private missing = 0;

  /** Takes a slice. Throws Error for a length that nothing handed over has. */
  take(slice: Uint8Array): Uint8Array | null {
    if (this.missing === 0) {
      if (slice.length !== 4) throw new Error('a message without its length');
      this.missing = new DataView(slice.buffer, slice.byteOffset).getUint32(0);
      if (this.missing === 0 || this.missing > MAX_TEXT_BYTES)
        throw new Error(`${this.missing} bytes announced`);
      return null;
    }
    if (slice.length === 0 || slice.length > this.missing) throw new Error('more than was announced');
    this.parts.push(slice);
    this.missing -= slice.length;
    if (this.missing > 0) return null;
    const whole = concat(...this.parts);
    this.parts = [];
    return whole;
  }
}

/** A message as the slices that carry it: its length, its kind and its text. Throws Error with a sentence. */
export function slicesOf({ kind, text }: MeetingMessage): Uint8Array<ArrayBuffer>[] {
  const bytes = new Uint8Array(concat(new Uint8Array([KINDS.indexOf(kind)]), utf8(text)));
  if (bytes.length > MAX_TEXT_BYTES) throw new Error('This is too long to be handed over.');
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, bytes.length);
  const slices = [head];
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) slices.push(bytes.slice(at, at + SLICE_BYTES));
  return slices;
}

/** A message of its bytes. Throws Error for what is none. */
export function readMessage(bytes: Uint8Array): MeetingMessage {
  const kind = KINDS[bytes[0]!];
  if (kind === undefined) throw new Error(`kind ${bytes[0]}`);
  return { kind, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(1)) };
}

function gathered(connection: RTCPeerConnection): Promise<void> {
  if (connection.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise((done) => {
    const timer = setTimeout(done, GATHERING_MS);
    connection.addEventListener('icegatheringstatechange', () => {
      if (connection.iceGatheringState !== 'complete') return;
      clearTimeout(timer);
      done();
    });
  });
}

/** The one meeting of a page. */
class Meeting {
  private view: MeetingView = NONE;
  private readonly listeners = new Set<() => void>();
  private connection: RTCPeerConnection | null = null;
  private channel: RTCDataChannel | null = null;
  private own: MeetingCode | null = null;

  readonly snapshot = (): MeetingView => this.view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private show(change: Partial<MeetingView>): void {
    this.view = { ...this.view, ...change };
    for (const listener of this.listeners) listener();
  }

  /** Begins: makes the code that the other needs. */
  async begin(): Promise<void> {
    const connection = this.open();
    await connection.setLocalDescription(await connection.createOffer());
    await this.showCode('offer', 'offering');
  }

  /** Joins whoever began: takes their code and makes the one that they need. */
  async join(text: string): Promise<void> {
    const offer = decodeMeetingCode(text, 'offer');
    const connection = this.open();
    await connection.setRemoteDescription(descriptionOf(offer));
    await connection.setLocalDescription(await connection.createAnswer());
    await this.showCode('answer', 'joined');
    this.show({ digits: checkDigits(offer, this.own!) });
  }

  /** Takes the code of whoever joins; the connection follows. */
  async complete(text: string): Promise<void> {
    const answer = decodeMeetingCode(text, 'answer');
    if (this.connection === null || this.view.state !== 'offering')
      throw new Error('Begin the meeting first.');
    await this.connection.setRemoteDescription(descriptionOf(answer));
    this.show({ digits: checkDigits(this.own!, answer) });
  }

  private async showCode(role: MeetingCode['role'], state: MeetingView['state']): Promise<void> {
    const { connection } = this;
    await gathered(connection!);
    if (connection !== this.connection) return;
    this.own = codeOf(role, connection!.localDescription?.sdp ?? '');
    this.show({ code: encodeMeetingCode(this.own), state });
  }

  private open(): RTCPeerConnection {
    this.leave();
    this.show({ ...NONE, state: 'starting' });
    // Without servers of any kind: only those in one network reach each other.
    const connection = new RTCPeerConnection({ iceServers: [] });
    const channel = connection.createDataChannel(CHANNEL.label, CHANNEL.options);
    channel.binaryType = 'arraybuffer';
    const assembler = new Assembler();
    channel.addEventListener('open', () => this.show({ state: 'connected', code: null }));
    channel.addEventListener('close', () => this.end(connection, 'The other end has left.'));
    channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      try {
        if (!(data instanceof ArrayBuffer)) throw new Error('not bytes');
        const whole = assembler.take(new Uint8Array(data));
        if (whole !== null) this.received(readMessage(whole));
      } catch {
        this.end(connection, 'The other end sent something that is none of ours. The connection was ended.');
      }
    });
    connection.addEventListener('connectionstatechange', () => {
      if (connection.connectionState === 'failed')
        this.end(connection, 'The two browsers do not reach each other. Are both in the same network?');
    });
    this.connection = connection;
    this.channel = channel;
    return connection;
  }

  private received(message: MeetingMessage): void {
    if (this.view.waiting.length >= MAX_WAITING) throw new Error('too much at once');
    this.show({ waiting: [...this.view.waiting, message] });
  }

  private end(connection: RTCPeerConnection, trouble: string): void {
    if (connection !== this.connection) return;
    this.leave();
    this.show({ state: 'ended', trouble });
  }

  /** Hands something to the other. Throws Error with a sentence if nobody is connected. */
  send(message: MeetingMessage): void {
    if (this.channel?.readyState !== 'open') throw new Error('Nobody is connected any more.');
    for (const slice of slicesOf(message)) this.channel.send(slice);
  }

  /** Takes the oldest thing of a kind that came, or null. */
  take(kind: MeetingKind): string | null {
    const found = this.view.waiting.find((one) => one.kind === kind);
    if (found === undefined) return null;
    this.show({ waiting: this.view.waiting.filter((one) => one !== found) });
    return found.text;
  }

  /** Ends the connection, if there is one. */
  leave(): void {
    const { connection } = this;
    this.connection = null;
    this.channel = null;
    this.own = null;
    connection?.close();
    this.show(NONE);
  }
}

/** The page's meeting; it goes on while the person looks at other screens. */
export const meeting = new Meeting();
