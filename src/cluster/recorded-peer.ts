/** For tests: a recorded native cluster, and a bare NATS client that plays its members again, byte for byte. */
import { readFileSync } from 'node:fs';
import { connect } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/nats-core';
import { fromHex } from '../protocol/bytes.ts';
import type { StreamRequest } from '../protocol/cluster/messages.ts';
import { encodeAck, StreamReceiver, streamMessage, type StreamMessage } from '../protocol/cluster/stream.ts';
import { decodeWith } from '../protocol/codec.ts';
import { createUlid } from '../farm/ulid.ts';
import { until } from './testing.ts';

export interface RecordedFrame {
  subject: string;
  reply?: string;
  /** As it stands on the wire. */
  headers?: string;
  len: number;
  payload: { hex: string } | { len: number; sha256: string; first_256: string; last_256: string };
}

export class Recording {
  private constructor(readonly frames: readonly RecordedFrame[]) {}

  static read(): Recording {
    const path = new URL('../../tests/vectors/wire/nats_cluster.json', import.meta.url);
    return new Recording((JSON.parse(readFileSync(path, 'utf8')) as { frames: RecordedFrame[] }).frames);
  }

  /** Frames whose subject fits: `*` is any one token. */
  all(subject: string): RecordedFrame[] {
    const tokens = subject.split('.');
    return this.frames.filter((frame) => {
      const of = frame.subject.split('.');
      return (
        of.length === tokens.length && tokens.every((token, index) => token === '*' || token === of[index])
      );
    });
  }

  first(subject: string): RecordedFrame {
    const frame = this.all(subject)[0];
    if (frame === undefined) throw new Error(`no frame of ${subject} was recorded`);
    return frame;
  }

  /** What came to a request's reply subject. */
  answersTo({ reply }: RecordedFrame): RecordedFrame[] {
    return this.frames.filter(({ subject }) => subject === reply);
  }
}

/** Whole bytes of a frame; what is unknown in the middle of a long one is zero. */
export function bytesOf({ payload }: RecordedFrame): Uint8Array {
  if ('hex' in payload) return fromHex(payload.hex);
  const bytes = new Uint8Array(payload.len);
  const last = fromHex(payload.last_256);
  bytes.set(fromHex(payload.first_256));
  bytes.set(last, payload.len - last.length);
  return bytes;
}

interface Heard {
  subject: string;
  reply: string | undefined;
  payload: Uint8Array;
  /** Of `Nats-Msg-Id`; null for none. */
  messageId: string | null;
}

/** A client without any rule of ours: hears everything, sends what it is told to. */
export class NativePeer {
  readonly heard: Heard[] = [];

  private constructor(private readonly nats: NatsConnection) {
    nats.subscribe('>', {
      callback: (_, msg) => {
        this.heard.push({
          subject: msg.subject,
          reply: msg.reply || undefined,
          payload: new Uint8Array(msg.data),
          messageId: msg.headers?.get('Nats-Msg-Id') || null,
        });
      },
    });
  }

  static async join(server: string): Promise<NativePeer> {
    const nats = await connect({ servers: server });
    const peer = new NativePeer(nats);
    await nats.flush();
    return peer;
  }

  send(subject: string, payload: Uint8Array, reply?: string): void {
    this.nats.publish(subject, payload, { reply });
  }

  async request(subject: string, payload: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array((await this.nats.request(subject, payload, { timeout: 20_000 })).data);
  }

  /** Answers every request of a subject. */
  async answer(subject: string, answer: (payload: Uint8Array) => Uint8Array): Promise<void> {
    this.nats.subscribe(subject, {
      callback: (_, msg) => void msg.respond(answer(new Uint8Array(msg.data))),
    });
    await this.nats.flush();
  }

  /** The first message from now on, or before, that fits. */
  async hear(subject: string, fits: (heard: Heard) => boolean = () => true): Promise<Heard> {
    const find = (): Heard | undefined =>
      this.heard.find((heard) => heard.subject === subject && fits(heard));
    await until(() => find() !== undefined, `a message to ${subject}`);
    return find()!;
  }

  /**
   * Asks for a stream as native members do: acknowledges every message at once, ends at a gap or an empty one. Gives
   * the messages.
   */
  async stream<Q, R>(message: StreamRequest<Q, R>, subject: string, payload: Uint8Array) {
    const reply = `stream-response.${createUlid()}`;
    const receiver = new StreamReceiver(message.item);
    const messages: StreamMessage<R>[] = [];
    let ended = false;
    let failure: unknown = null;
    const subscription = this.nats.subscribe(reply, {
      callback: (_, msg) => {
        try {
          const bytes = new Uint8Array(msg.data);
          const delivery = receiver.accept(bytes);
          messages.push(decodeWith(streamMessage(message.item), bytes, 'stream'));
          if (delivery.ack !== null) this.nats.publish(delivery.ack.subject, delivery.ack.payload);
          ended ||= delivery.ended;
        } catch (error) {
          failure = error;
        }
      },
    });
    this.send(subject, payload, reply);
    await until(() => ended || failure !== null, `the end of the stream from ${subject}`);
    subscription.unsubscribe();
    if (failure !== null) throw failure as Error;
    return { messages, items: messages.flatMap(({ items }) => items) };
  }

  /**
   * Sends recorded messages of a stream to who asked for it, two ahead of the acknowledgements, which have to be the
   * raw index to the subject that the message names.
   */
  async play(reply: string, frames: readonly RecordedFrame[]): Promise<void> {
    for (const [index, frame] of frames.entries()) {
      this.send(reply, bytesOf(frame));
      if (index > 0) await this.acknowledged(frames[index - 1]!, index - 1);
    }
  }

  private async acknowledged(frame: RecordedFrame, index: number): Promise<void> {
    const text = new TextDecoder('latin1').decode(bytesOf(frame));
    const subject = /stream-response-ack\.[0-9A-Z]{26}/.exec(text)?.[0];
    if (subject === undefined) return;
    const ack = encodeAck(index);
    await this.hear(subject, ({ payload }) => payload.every((byte, at) => byte === ack[at]));
  }

  async close(): Promise<void> {
    await this.nats.close();
  }
}
