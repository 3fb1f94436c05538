/** A NATS server and members on it, for tests. */
import { connect } from '@nats-io/transport-node';
import { NatsServer, type NatsServerOptions } from '../../devnet/nats-server.ts';
import { concat, equal, toHex } from '../protocol/bytes.ts';
import { RECORD_BYTES } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { RECORD_METADATA_BYTES } from '../protocol/sector.ts';
import { segmentHeaderHash } from '../protocol/segment.ts';
import type { PieceIndex, SegmentHeader, SegmentIndex } from '../protocol/types.ts';
import { Farm, type FarmOptions } from '../farm/farm.ts';
import { fakeEncoding, FakeNode, FakePool, fakePiece, named, plottingPool } from '../farm/test-support.ts';
import { ClusterConnection } from './connection.ts';
import type { ConnectionSettings } from './link.ts';
import type { ControllerNode } from './controller.ts';
import type { FarmerMember, FarmSeat, FarmSeatOptions } from './farmer.ts';

export class TestCluster {
  private readonly connections: ClusterConnection[] = [];
  readonly lines: string[] = [];

  private constructor(readonly server: NatsServer) {}

  static async start(options: Partial<NatsServerOptions> = {}): Promise<TestCluster> {
    return new TestCluster(await NatsServer.start({ port: 0, webSocketPort: 0, ...options }));
  }

  async connect(settings: Partial<ConnectionSettings> = {}): Promise<ClusterConnection> {
    const connection = await ClusterConnection.connect({
      connect,
      servers: [this.server.url],
      credentials: { kind: 'none' },
      name: 'test',
      log: (line) => this.lines.push(line),
      ...settings,
    });
    this.connections.push(connection);
    return connection;
  }

  async stop(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.close()));
    await this.server.stop();
  }
}

const LIMIT_MS = 60_000;

/** Waits until something holds, on a machine that may be busy. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Headers of a history of so many segments. */
export function headersOf(count: number): SegmentHeader[] {
  const headers: SegmentHeader[] = [];
  for (let index = 0; index < count; index += 1) {
    const last = headers.at(-1);
    headers.push({
      segmentIndex: BigInt(index),
      segmentCommitment: named(`segment-${index}`, 48),
      prevSegmentHeaderHash: last === undefined ? new Uint8Array(32) : segmentHeaderHash(last),
      lastArchivedBlock: { number: index, partialArchived: null },
    });
  }
  return headers;
}

/** A node that has every piece of three segments. */
export class TestNode extends FakeNode implements ControllerNode {
  headers = headersOf(3);
  readonly acknowledged: SegmentIndex[] = [];
  given = 0;
  give: (index: PieceIndex) => Promise<Uint8Array | null> = async (index) => fakePiece(index);
  private archived: (header: SegmentHeader) => void = () => undefined;

  onArchivedSegmentHeader(listener: (header: SegmentHeader) => void): () => void {
    this.archived = listener;
    return () => undefined;
  }

  archive(): void {
    this.headers.push(headersOf(this.headers.length + 1).at(-1)!);
    this.archived(this.headers.at(-1)!);
  }

  async acknowledgeSegmentHeader(segment: SegmentIndex): Promise<void> {
    this.acknowledged.push(segment);
  }

  async segmentHeaders(segments: readonly SegmentIndex[]): Promise<(SegmentHeader | null)[]> {
    return segments.map((segment) => this.headers[Number(segment)] ?? null);
  }

  piece(index: PieceIndex): Promise<Uint8Array | null> {
    this.given += 1;
    return this.give(index);
  }
}

/** Records encoded anywhere in the test, so that decoding can tell whether chunks are those of a record. */
export class Encodings {
  private readonly records = new Map<string, { piece: Uint8Array; hash: Uint8Array }>();
  encoded = 0;

  /** `spoil` changes the chunks of a record after they were encoded. */
  pool(
    spoil: (chunks: Uint8Array) => void = () => undefined,
    wait: (signal?: AbortSignal) => Promise<void> = async () => undefined,
    counted = true,
  ): FakePool {
    return plottingPool({
      'record.encode': async (input, { signal }) => {
        await wait(signal);
        const { bitfield, chunks } = fakeEncoding(input);
        const { piece, evaluationSeed } = input;
        this.records.set(toHex(evaluationSeed), { piece, hash: blake3Hash(chunks) });
        spoil(chunks);
        if (counted) this.encoded += 1;
        const metadata = new Uint8Array(RECORD_METADATA_BYTES);
        metadata.set(concat(piece.subarray(RECORD_BYTES), blake3Hash(piece)));
        return { bitfield, chunks, metadata };
      },
      'record.decode': ({ evaluationSeed, chunks }) => {
        const known = this.records.get(toHex(evaluationSeed));
        const good = known !== undefined && equal(known.hash, blake3Hash(chunks));
        return { record: good ? known.piece.slice(0, RECORD_BYTES) : new Uint8Array(RECORD_BYTES) };
      },
      'kzg.verify': () => ({ bad: [] }),
      'sector.audit': () => ({ winners: [] }),
    });
  }
}

/** Opens a farm in a seat of its own, paid to its own key. */
export async function openSeated(
  member: FarmerMember,
  options: Omit<FarmOptions, keyof FarmSeatOptions | 'rewardAddress'>,
): Promise<{ farm: Farm; seat: FarmSeat }> {
  const { publicKey } = options.identity;
  const seat = member.seat(publicKey);
  const farm = await Farm.open({ ...seat.options, ...options, rewardAddress: publicKey });
  seat.attach(farm);
  return { farm, seat };
}

/** An encoding that does not end. */
export function forever(signal?: AbortSignal): Promise<void> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
}
