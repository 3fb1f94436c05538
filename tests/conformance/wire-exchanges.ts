/** Recorded exchanges of the storage network. */
import { concat, equal, fromHex } from '../../src/protocol/bytes.ts';
import { decodeWith, encodeWith, type Codec } from '../../src/protocol/codec.ts';
import { dsnProtocols, encodeVarint, FrameReader, MAX_REQUEST_BYTES } from '../../src/protocol/dsn.ts';
import { expectSame } from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext } from './types.ts';
import { expectWhole, partial, roundTrip, sha256, type RecordedBytes } from './wire-partial.ts';
import { piecesIn, SeenPieces, type SeenPiece } from './wire-pieces.ts';

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

export async function exchangesOf(
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
