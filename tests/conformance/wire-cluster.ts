/** Recorded frames of a farming cluster and exchanges of the storage network. */
import {
  clusterMessages,
  headersOf,
  messageOfSubject,
  type AnyMessage,
} from '../../src/protocol/cluster/messages.ts';
import { AckWindow, StreamReceiver, StreamSender, streamMessage } from '../../src/protocol/cluster/stream.ts';
import type { SectorPlottingProgress } from '../../src/protocol/cluster/values.ts';
import { decodeWith, encodeWith, type Codec } from '../../src/protocol/codec.ts';
import { sectorBytes } from '../../src/protocol/sector.ts';
import { expectSame } from './protocol-support.ts';
import type { ConformanceCase, ConformanceSuite } from './types.ts';
import { fillMessage, fillStreamMessage } from './wire-cluster-fill.ts';
import { exchangesOf } from './wire-exchanges.ts';
import {
  expectRecorded,
  expectWhole,
  partial,
  roundTrip,
  type Partial,
  type RecordedBytes,
} from './wire-partial.ts';
import { piecesIn, SeenPieces, type SeenPiece } from './wire-pieces.ts';

interface Frame {
  n: number;
  subject: string;
  reply?: string;
  headers?: string;
  len: number;
  payload: RecordedBytes;
}

/** What was learned from earlier frames about a stream. */
interface Stream {
  message: Extract<AnyMessage, { kind: 'stream' }>;
  receiver: StreamReceiver<unknown>;
  ended: boolean;
  /** Bytes of the sector that were streamed so far, and of how many pieces it is. */
  sector: { bytes: number; pieces: number | null };
}

/** Follows a recording frame by frame, as a member that hears everything. */
class Listener {
  readonly seen = new SeenPieces();
  private readonly replies = new Map<string, Extract<AnyMessage, { kind: 'request' }>>();
  private readonly streams = new Map<string, Stream>();
  private readonly acks = new Map<string, { window: AckWindow; sent: number }>();

  /** `known`: a piece that is recorded whole. */
  constructor(private readonly known: SeenPiece | null) {}

  take(frame: Frame): void {
    const payload = partial(frame.payload);
    expectSame('len', payload.bytes.length, frame.len);
    const { subject } = frame;
    const [first] = subject.split('.');
    if (first === '_INBOX') this.takeReply(subject, payload);
    else if (first === 'stream-response') this.takeStreamMessage(subject, payload);
    else if (first === 'stream-response-ack') this.takeAck(subject, payload);
    else this.takeMessage(frame, payload);
  }

  private takeMessage(frame: Frame, payload: Partial): void {
    const { message } = messageOfSubject(frame.subject);
    fillMessage(payload, message);
    const value: unknown = roundTrip(message.payload as Codec<unknown>, payload, frame.subject);
    this.note(value, payload);
    const headers =
      message.kind === 'request' || message.kind === 'stream' ? null : headersOf(message, value);
    expectSame('headers', headers, frame.headers ?? null);
    expectSame(
      'is answered',
      frame.reply !== undefined,
      message.kind === 'request' || message.kind === 'stream',
    );
    if (frame.reply === undefined) return;
    if (message.kind === 'request') this.replies.set(frame.reply, message);
    if (message.kind !== 'stream') return;
    this.streams.set(frame.reply, {
      message,
      receiver: new StreamReceiver(message.item as Codec<unknown>),
      ended: false,
      sector: { bytes: 0, pieces: null },
    });
  }

  private takeReply(subject: string, payload: Partial): void {
    const message = this.replies.get(subject);
    if (message === undefined) throw new Error(`nobody asked for a reply to ${subject}`);
    this.replies.delete(subject);
    this.note(roundTrip(message.response as Codec<unknown>, payload, subject), payload);
  }

  private note(value: unknown, payload: Partial): void {
    const pieces = piecesIn(value);
    // Of a long message's further pieces the numbers are not known.
    this.seen.note(value, 'hex' in payload.recorded ? pieces : pieces.slice(0, 1));
    expectWhole(payload, pieces, this.known);
  }

  private takeStreamMessage(subject: string, payload: Partial): void {
    const stream = this.streams.get(subject);
    if (stream === undefined || stream.ended) throw new Error(`${subject} is no open stream`);
    fillStreamMessage(payload, stream.message);
    const codec = streamMessage(stream.message.item as Codec<unknown>);
    const value = roundTrip(codec, payload, subject);
    this.note(value.items, payload);
    const { items, ack, ended } = stream.receiver.accept(payload.bytes);
    expectSame('ends the stream', ended, value.kind === 'last');
    stream.ended = ended;
    if (ack !== null) {
      const known = this.acks.get(ack.subject) ?? { window: new AckWindow(), sent: -1 };
      if (!known.window.open(known.sent)) throw new Error(`message ${value.index} came before its turn`);
      known.sent = value.index;
      this.acks.set(ack.subject, known);
    }
    this.packAgain(stream, value, payload);
    if (stream.message === clusterMessages.plotSector) {
      for (const item of items) countSector(stream, item as SectorPlottingProgress);
      if (ended) checkSector(stream);
    }
  }

  /** Our own way to pack the same items has to give the same message. */
  private packAgain(stream: Stream, value: ReturnType<typeof this.decoded>, payload: Partial): void {
    const ackSubject = value.kind === 'continue' ? value.ackSubject : 'none';
    const sender = new StreamSender(ackSubject, payload.bytes.length + ackSubject.length + 1);
    for (let index = 0; index < value.index; index += 1) sender.take(false);
    for (const item of value.items) sender.add(encodeWith(stream.message.item as Codec<unknown>, item));
    expectRecorded(sender.take(value.kind === 'last').payload, payload.recorded, false);
  }

  private decoded(codec: Codec<unknown>, bytes: Uint8Array) {
    return decodeWith(streamMessage(codec), bytes, 'stream');
  }

  private takeAck(subject: string, payload: Partial): void {
    const known = this.acks.get(subject);
    if (known === undefined) throw new Error(`nothing was sent that asks for ${subject}`);
    const index = roundTrip(ackCodec, payload, subject);
    if (index > known.sent) throw new Error(`message ${index} is acknowledged before it was sent`);
    known.window.acknowledge(payload.bytes);
  }
}

const ackCodec: Codec<number> = {
  minimum: 4,
  read: (reader) => reader.u32(),
  write: (writer, value) => void writer.u32(value),
};

function countSector({ sector }: Stream, item: SectorPlottingProgress): void {
  if (item.kind === 'finished') sector.pieces = item.plottedSector.metadata.piecesInSector;
  if (item.kind === 'sectorChunk' && item.chunk.ok) sector.bytes += item.chunk.value.length;
}

function checkSector({ sector }: Stream): void {
  if (sector.pieces !== null) expectSame('bytes of the sector', sector.bytes, sectorBytes(sector.pieces));
}

interface Cluster {
  frames: Frame[];
  frames_total: number;
}

function clusterCases({ frames, frames_total: total }: Cluster, known: SeenPiece | null): ConformanceCase[] {
  const listener = new Listener(known);
  return [
    {
      name: 'frames in order',
      rule: 'cluster-recording',
      run: () => {
        frames.forEach((frame, index) => {
          const before = frames[index - 1];
          if (before !== undefined && before.n >= frame.n) throw new Error(`${frame.n} after ${before.n}`);
        });
        if (frames.length > total) throw new Error(`${frames.length} frames of ${total}`);
      },
    },
    ...frames.map((frame) => ({
      name: `frame ${frame.n} ${frame.subject}`,
      rule: 'cluster-frame',
      run: () => listener.take(frame),
    })),
    {
      name: 'pieces of the messages',
      rule: 'solution-record-witness',
      run: () => listener.seen.check(),
    },
  ];
}

export const wireCluster: ConformanceSuite = {
  files: [/^wire\/(nats_cluster|dsn_requests)\.json$/],
  companions: [/^wire\/dsn_piece_response\.bin$/],
  async cases(ctx, files) {
    const dsn = files.find((name) => name.endsWith('dsn_requests.json'));
    const nats = files.find((name) => name.endsWith('nats_cluster.json'));
    const { cases, known } =
      dsn === undefined ? { cases: [], known: null } : await exchangesOf(ctx, files, dsn);
    if (nats !== undefined) cases.push(...clusterCases(await ctx.json<Cluster>(nats), known));
    return cases;
  },
};
