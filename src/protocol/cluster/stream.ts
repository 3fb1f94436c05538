/**
 * Streams of a farming cluster: how items are packed into messages, acknowledged, and put back in order. Pure
 * state; sending, waiting and time-outs belong to the member that uses it.
 */
import { decodeWith, encodeWith, list, struct, text, u32, variants, type Codec } from '../codec.ts';
import { DecodeError, ProtocolError } from '../errors.ts';
import { compactSize, ScaleWriter } from '../scale.ts';

/** One message of a stream. */
export type StreamMessage<T> =
  | { kind: 'continue'; index: number; items: T[]; ackSubject: string }
  | { kind: 'last'; index: number; items: T[] };

/** A message of a stream: some items, and whether more come. */
export function streamMessage<T>(item: Codec<T>): Codec<StreamMessage<T>> {
  return variants<StreamMessage<T>>({
    continue: struct({ index: u32, items: list(item), ackSubject: text }),
    last: struct({ index: u32, items: list(item) }),
  } as Parameters<typeof variants<StreamMessage<T>>>[0]);
}

/** Acknowledgement of a stream's message: its index, 4 bytes. */
export function encodeAck(index: number): Uint8Array {
  return encodeWith(u32, index);
}

/** Throws DecodeError. */
function decodeAck(payload: Uint8Array): number {
  return decodeWith(u32, payload, 'stream-acknowledgement');
}

/** What a message of a stream brought. */
export interface StreamDelivery<T> {
  items: T[];
  /** To be published at once, if any. */
  ack: { subject: string; payload: Uint8Array } | null;
  ended: boolean;
}

/** Puts a stream together from its messages. */
export class StreamReceiver<T> {
  private readonly codec: Codec<StreamMessage<T>>;
  private next = 0;

  constructor(item: Codec<T>) {
    this.codec = streamMessage(item);
  }

  /**
   * Takes the next message. One without items ends the stream, as the last one does.
   *
   * @throws ProtocolError (rule `cluster-stream`, or a decode rule) on a gap or bytes that are no message.
   */
  accept(payload: Uint8Array): StreamDelivery<T> {
    const message = decodeWith(this.codec, payload, 'cluster-stream');
    if (message.index !== this.next) {
      throw new ProtocolError({
        code: 'stream-gap',
        rule: 'cluster-stream',
        message: `message ${message.index} where ${this.next} is next`,
        values: { expected: this.next, seen: message.index },
        sentence: 'A part of an answer from another member of the cluster got lost.',
      });
    }
    this.next += 1;
    const { items, kind, index } = message;
    const ack = kind === 'continue' ? { subject: message.ackSubject, payload: encodeAck(index) } : null;
    return { items, ack, ended: kind === 'last' || items.length === 0 };
  }
}

/** Share of a message that is filled with items before it is sent, in tenths. */
const FILL_TENTHS = 9;
const TAG_AND_INDEX_BYTES = 5;

/** Bytes of items that a message should hold: native members count the same way. */
export function approximateMaxMessage(maxPayload: number): number {
  return Math.floor((maxPayload * FILL_TENTHS) / 10);
}

/** Packs a stream's encoded items into messages. */
export class StreamSender {
  private readonly queue: Uint8Array[] = [];
  private queuedBytes = 0;
  private index = 0;

  /** `maxPayload`: bytes that the server carries in one message. */
  constructor(
    private readonly ackSubject: string,
    private readonly maxPayload: number,
  ) {}

  /** Whether the next message is full enough to be sent. */
  get full(): boolean {
    return this.queuedBytes >= approximateMaxMessage(this.maxPayload);
  }

  get empty(): boolean {
    return this.queue.length === 0;
  }

  /**
   * Adds an item's SCALE. Throws ProtocolError (rule `cluster-stream`) for one that no message can hold.
   */
  add(item: Uint8Array): void {
    if (this.sizeWith([item]) > this.maxPayload) {
      throw new ProtocolError({
        code: 'item-too-large',
        rule: 'cluster-stream',
        message: `an item of ${item.length} bytes for messages of ${this.maxPayload}`,
        values: { bytes: item.length, maxPayload: this.maxPayload },
        sentence: 'The NATS server of this cluster carries too little in one message (max_payload).',
      });
    }
    this.queue.push(item);
    this.queuedBytes += item.length;
  }

  private sizeWith(items: Uint8Array[]): number {
    const content = items.reduce((sum, item) => sum + item.length, 0);
    const ack = compactSize(this.ackSubject.length) + this.ackSubject.length;
    return TAG_AND_INDEX_BYTES + compactSize(items.length) + content + ack;
  }

  /**
   * The next message, with as many of the added items as it can hold; the last of the stream if no more will come
   * (`ended`) and none are left over.
   */
  take(ended: boolean): { payload: Uint8Array; index: number; last: boolean } {
    const { index } = this;
    let count = this.queue.length;
    while (count > 1 && this.sizeWith(this.queue.slice(0, count)) > this.maxPayload) count -= 1;
    const items = this.queue.splice(0, count);
    this.queuedBytes = this.queue.reduce((sum, item) => sum + item.length, 0);
    const last = ended && this.queue.length === 0;
    const writer = new ScaleWriter(this.sizeWith(items));
    writer
      .u8(last ? 1 : 0)
      .u32(index)
      .compact(items.length);
    for (const item of items) writer.raw(item);
    if (!last) writer.text(this.ackSubject);
    this.index += 1;
    return { payload: writer.bytes(), index, last };
  }
}

/** Lets two messages of a stream be under way: the one after message n needs the acknowledgement of n − 1. */
export class AckWindow {
  private next = 0;

  /**
   * Whether message `sent` may be followed by another one now.
   */
  open(sent: number): boolean {
    return this.next >= sent;
  }

  /** Takes an acknowledgement. Throws ProtocolError (rule `cluster-stream`) unless it is the next one. */
  acknowledge(payload: Uint8Array): void {
    const index = decodeAck(payload);
    if (index !== this.next) {
      throw new DecodeError('stream-acknowledgement', `of message ${index} where ${this.next} is next`, {
        expected: this.next,
        seen: index,
      });
    }
    this.next += 1;
  }
}
