/** Recorded frames of a farming cluster and exchanges of the storage network. */
import { createHash } from 'node:crypto';
import {
  clusterMessages,
  headersOf,
  messageOfSubject,
  type AnyMessage,
} from '../../src/protocol/cluster/messages.ts';
import { AckWindow, StreamReceiver, StreamSender, streamMessage } from '../../src/protocol/cluster/stream.ts';
import type { SectorPlottingProgress } from '../../src/protocol/cluster/values.ts';
import { concat, equal, fromHex } from '../../src/protocol/bytes.ts';
import { decodeWith, encodeWith, type Codec } from '../../src/protocol/codec.ts';
import { PIECE_BYTES } from '../../src/protocol/constants.ts';
import { dsnProtocols, encodeVarint, FrameReader, MAX_REQUEST_BYTES } from '../../src/protocol/dsn.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import { ScaleReader, ScaleWriter } from '../../src/protocol/scale.ts';
import { SECTOR_METADATA_BYTES, sectorBytes } from '../../src/protocol/sector.ts';
import { expectSame } from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';
import { complete, piecesIn, SeenPieces, type SeenPiece } from './wire-pieces.ts';

/** Bytes, or, for long ones, their length, hash and ends. */
type RecordedBytes = { hex: string } | { len: number; sha256: string; first_256: string; last_256: string };

/** Bytes of which a stretch in the middle may be unknown: zeros stand there. */
interface Partial {
  bytes: Uint8Array;
  /** First and last unknown byte; equal where nothing is unknown. */
  hole: [number, number];
  recorded: RecordedBytes;
}

function partial(recorded: RecordedBytes): Partial {
  if ('hex' in recorded) return { bytes: fromHex(recorded.hex), hole: [0, 0], recorded };
  const first = fromHex(recorded.first_256, 256);
  const last = fromHex(recorded.last_256, 256);
  const bytes = new Uint8Array(recorded.len);
  bytes.set(first);
  bytes.set(last, recorded.len - last.length);
  return { bytes, hole: [first.length, recorded.len - last.length], recorded };
}

/** Puts bytes that follow from the structure into the unknown stretch. */
function fill({ bytes, hole: [from, to] }: Partial, at: number, structure: Uint8Array): void {
  structure.forEach((byte, index) => {
    if (at + index >= from && at + index < to) bytes[at + index] = byte;
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Throws unless bytes are the recorded ones, as far as those are known. */
function expectRecorded(bytes: Uint8Array, recorded: RecordedBytes, whole: boolean): void {
  if ('hex' in recorded) return expectSame('bytes', bytes, recorded.hex);
  expectSame('len', bytes.length, recorded.len);
  expectSame('first_256', bytes.subarray(0, 256), recorded.first_256);
  expectSame('last_256', bytes.subarray(-256), recorded.last_256);
  if (whole) expectSame('sha256', sha256(bytes), recorded.sha256);
}

function roundTrip<T>(codec: Codec<T>, payload: Partial, what: string): T {
  const value = decodeWith(codec, payload.bytes, what);
  expectRecorded(encodeWith(codec, value), payload.recorded, false);
  return value;
}

/** Compares the hash of a message that a known piece completes. */
function expectWhole({ bytes, hole, recorded }: Partial, pieces: SeenPiece[], known: SeenPiece | null): void {
  if ('hex' in recorded || !complete(bytes, hole, pieces, known)) return;
  expectSame('sha256', sha256(bytes), recorded.sha256);
}

const PIECE_LENGTH = new ScaleWriter().compact(PIECE_BYTES).bytes();

/** The structure of a plotted sector that begins at `at`. Returns where it ends. */
function fillPlottedSector(payload: Partial, at: number): number {
  const metadata = at + 34;
  const pieces = new DataView(payload.bytes.buffer).getUint16(metadata + 2, true);
  const checksum = metadata + SECTOR_METADATA_BYTES - 32;
  // Any history size but zero decodes.
  fill(payload, checksum - 8, Uint8Array.of(1));
  fill(payload, checksum, blake3Hash(payload.bytes.subarray(metadata, checksum)));
  const list = new ScaleWriter().compact(pieces).bytes();
  fill(payload, checksum + 32, list);
  return checksum + 32 + list.length + 8 * pieces;
}

/** The structure of `count` items of a stream that begin at `at`; `end` is where the last one ends. */
function fillItems(payload: Partial, message: AnyMessage, count: number, at: number, end: number): void {
  const { bytes } = payload;
  for (let item = 0; item < count; item += 1) {
    switch (message) {
      case clusterMessages.pieces:
        fill(payload, at + 8, PIECE_LENGTH);
        at += 8 + PIECE_LENGTH.length + PIECE_BYTES;
        break;
      case clusterMessages.readPieces:
        // Tag of the result, offset, tag of the option: unknown ones are taken to hold a piece.
        fill(payload, at + 5, Uint8Array.of(1));
        if (bytes[at] === 1) return;
        at += 6;
        if (bytes[at - 1] === 0) break;
        fill(payload, at + 8, PIECE_LENGTH);
        at += 8 + PIECE_LENGTH.length + PIECE_BYTES;
        break;
      case clusterMessages.plottedSectors:
        fill(payload, at + 35 + 2, bytes.subarray(at - item, at - item + 2));
        at = fillPlottedSector(payload, at + 1);
        break;
      case clusterMessages.plotSector: {
        const left = count - item - 1;
        const tag = bytes[at]!;
        if (tag === 3 || tag === 5) at += 13;
        else if (tag === 6) at = fillPlottedSector(payload, at + 1) + 12;
        else if (tag === 7 || (at >= payload.hole[0] && left === 0)) {
          const length = end - left - at - 6;
          fill(payload, at, Uint8Array.of(7, 0));
          fill(payload, at + 2, new ScaleWriter().compact(length).bytes());
          return;
        } else at += 1;
        break;
      }
      default:
        return;
    }
  }
}

/** The structure of a stream's long message, as far as it follows from what is recorded. */
function fillStreamMessage(payload: Partial, message: AnyMessage): void {
  if (payload.hole[0] === payload.hole[1]) return;
  const reader = new ScaleReader(payload.bytes, 'stream message');
  const last = reader.u8() === 1;
  reader.u32();
  const count = reader.compact();
  // A subject of the acknowledgements always has the same length: a word, a point and a ULID.
  const end = payload.bytes.length - (last ? 0 : 1 + 'stream-response-ack.'.length + 26);
  fillItems(payload, message, count, reader.position, end);
}

/** The structure of a long message that is not part of a stream. */
function fillMessage(payload: Partial, message: AnyMessage): void {
  if (message === clusterMessages.sectorUpdate && payload.bytes[20] === 7) {
    let at = fillPlottedSector(payload, 21);
    fill(payload, at, Uint8Array.of(payload.bytes.length > at + 13 ? 1 : 0));
    if (payload.bytes[at] === 1) {
      fill(payload, at + 1 + 34, payload.bytes.subarray(21 + 34, 21 + 38));
      at = fillPlottedSector(payload, at + 1);
    }
  }
}

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

interface Exchange {
  protocol: string;
  request: Framed;
  response: Framed | null;
}

type Framed = RecordedBytes & { varint_len: string };

interface FullResponse {
  file: string;
  len: number;
  sha256: string;
}

function codecsOf(name: string) {
  const protocol = Object.values(dsnProtocols).find((known) => known.name === name);
  if (protocol === undefined) throw new Error(`no protocol ${name}`);
  return protocol as { request: Codec<unknown>; response: Codec<unknown>; maxResponseBytes: number };
}

/** The length before the message, and the message out of both, cut at every place that could matter. */
function checkFrame(payload: Uint8Array, varint: string, limit: number): void {
  expectSame('varint_len', encodeVarint(payload.length), varint);
  const framed = concat(fromHex(varint), payload);
  for (const cut of [0, 1, 2, varint.length / 2, framed.length - 1, framed.length]) {
    const reader = new FrameReader(limit);
    const read = reader.push(framed.subarray(0, cut)) ?? reader.push(framed.subarray(cut));
    if (read === null || !equal(read, payload)) throw new Error(`not read again, cut at ${cut}`);
  }
}

/** The indexes at the end of an answer that holds a piece, which begin after it. */
function checkPieceExchange(request: unknown, response: unknown): void {
  const { cachedPieces: asked } = request as { cachedPieces: bigint[] };
  const { cachedPieces: offered } = response as { cachedPieces: bigint[] };
  for (const index of offered) {
    if (!asked.includes(index)) throw new Error(`piece ${index} was offered but not asked for`);
  }
}

function exchangeCases(responder: string, exchanges: Exchange[], known: SeenPiece | null): ConformanceCase[] {
  const seen = new SeenPieces();
  const cases = exchanges.map(({ protocol, request, response }, number) => ({
    name: `${responder} ${number} ${protocol}`,
    rule: 'dsn-request-response',
    run: () => {
      const codecs = codecsOf(protocol);
      const asked = partial(request);
      checkFrame(asked.bytes, request.varint_len, MAX_REQUEST_BYTES);
      const question = roundTrip(codecs.request, asked, 'request');
      if (response === null) return;
      const answered = partial(response);
      checkFrame(answered.bytes, response.varint_len, codecs.maxResponseBytes);
      const answer = roundTrip(codecs.response, answered, 'response');
      if (protocol !== dsnProtocols.segmentHeadersByIndexes.name) checkPieceExchange(question, answer);
      const { pieceIndex = null } = question as { pieceIndex?: bigint };
      const pieces = piecesIn(answer, pieceIndex);
      seen.note(answer, pieces);
      expectWhole(answered, pieces, known);
    },
  }));
  const ofSegments = {
    name: `${responder}: pieces of the answers`,
    rule: 'solution-record-witness',
    run: () => seen.check(),
  };
  return [...cases, ofSegments];
}

/** The piece of the answer that is recorded whole, by the question that it answers. */
function knownPiece(recorded: Exchanges, full: Uint8Array): SeenPiece | null {
  const hash = sha256(full);
  const exchange = Object.values(recorded)
    .flatMap((value) => (isExchanges(value) ? value : []))
    .find(({ response }) => response !== null && 'sha256' in response && response.sha256 === hash);
  if (exchange === undefined) return null;
  const { request, response } = dsnProtocols.pieceByIndex;
  const { pieceIndex } = decodeWith(request, partial(exchange.request).bytes, 'request');
  const { piece } = decodeWith(response, full, 'response');
  return piece && { index: pieceIndex, piece };
}

/** Exchanges by who answered, whole answers of them, and whatever else was noted. */
type Exchanges = Record<string, unknown>;

function isFull(value: unknown): value is FullResponse {
  return typeof value === 'object' && value !== null && 'file' in value && typeof value.file === 'string';
}

function isExchanges(value: unknown): value is Exchange[] {
  const isOne = (entry: unknown) => typeof entry === 'object' && entry !== null && 'protocol' in entry;
  return Array.isArray(value) && value.some(isOne);
}

function fileCase(ctx: ConformanceContext, name: string, field: string, full: FullResponse): ConformanceCase {
  return {
    name: `${field} ${full.file}`,
    rule: 'dsn-request-response',
    run: async () => {
      const bytes = await ctx.read(besides(name, full.file));
      expectSame('len', bytes.length, full.len);
      expectSame('sha256', sha256(bytes), full.sha256);
      const { response } = dsnProtocols.pieceByIndex;
      const again = encodeWith(response, decodeWith(response, bytes, 'response'));
      if (!equal(again, bytes)) throw new Error('not the same bytes again');
    },
  };
}

const besides = (name: string, file: string): string => name.replace(/[^/]*$/, file);

async function exchangesOf(
  ctx: ConformanceContext,
  files: string[],
  name: string,
): Promise<{ cases: ConformanceCase[]; known: SeenPiece | null }> {
  const recorded = await ctx.json<Exchanges>(name);
  const cases: ConformanceCase[] = [];
  let known: SeenPiece | null = null;
  for (const [field, value] of Object.entries(recorded)) {
    if (!isFull(value) || !files.includes(besides(name, value.file))) continue;
    known = knownPiece(recorded, await ctx.read(besides(name, value.file)));
    cases.push(fileCase(ctx, name, field, value));
  }
  for (const [field, value] of Object.entries(recorded)) {
    if (isExchanges(value)) cases.push(...exchangeCases(field, value, known));
  }
  return { cases, known };
}

export const wireCluster: ConformanceSuite = {
  files: [
    /^(wire\/)?nats_cluster\.json$/,
    /^(wire\/)?dsn_requests\.json$/,
    /^(wire\/)?dsn_piece_response\.bin$/,
  ],
  async cases(ctx, files) {
    const dsn = files.find((name) => name.endsWith('dsn_requests.json'));
    const nats = files.find((name) => name.endsWith('nats_cluster.json'));
    const { cases, known } =
      dsn === undefined ? { cases: [], known: null } : await exchangesOf(ctx, files, dsn);
    if (nats !== undefined) cases.push(...clusterCases(await ctx.json<Cluster>(nats), known));
    return cases;
  },
};
