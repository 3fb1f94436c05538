/** Streams between members of a cluster: sending with two messages under way, receiving with acknowledgements. */
import { onAbort } from '../async/on-abort.ts';
import { createUlid } from '../farm/ulid.ts';
import { encodeWith, type Codec } from '../protocol/codec.ts';
import { messageOf, ProtocolError } from '../protocol/errors.ts';
import { AckWindow, StreamReceiver, StreamSender } from '../protocol/cluster/stream.ts';
import { ACK_TIMEOUT_MS, SILENCE_MS } from '../protocol/cluster/times.ts';
import { ClusterError } from './errors.ts';
import { Gate } from './gate.ts';

/** Messages that arrived and are unread beyond which acknowledgements wait: what keeps a slow disk's memory bounded. */
const UNREAD_MESSAGES = 4;
/** Messages under way that no acknowledgement was sent of, at most. */
const UNACKNOWLEDGED_MESSAGES = 2;
/** Messages sent are no larger than this, however much the server carries: several are in memory at once. */
const LARGEST_MESSAGE = 4 * 1024 * 1024;
/** Status of the server's own answer where nobody has subscribed. */
const NO_RESPONDERS = 503;

/** What streams need of a connection. */
export interface StreamLink {
  readonly maxPayload: number;
  /** Aborted when the connection is closed. */
  readonly closed: AbortSignal;
  send(subject: string, payload: Uint8Array, options?: { reply?: string }): void;
  receive(subject: string, listener: (payload: Uint8Array, statusCode: number) => void): () => void;
}

export interface StreamOptions {
  signal?: AbortSignal;
  /** Milliseconds of silence after which a stream counts as lost. */
  idleMs?: number;
}

/** Bytes of a stream's message that is sent to a server which carries `maxPayload` bytes in one. */
export function streamMessageLimit(maxPayload: number): number {
  return Math.min(maxPayload, LARGEST_MESSAGE);
}

/** Items of a stream that another member sends to `reply`. */
export async function* receiveStream<T>(
  link: StreamLink,
  subject: string,
  request: Uint8Array,
  item: Codec<T>,
  { signal, idleMs = SILENCE_MS }: StreamOptions,
): AsyncGenerator<T, void, void> {
  const enders = [signal, link.closed];
  const throwIfOver = (): void => enders.forEach((ender) => ender?.throwIfAborted());
  throwIfOver();
  const reply = `stream-response.${createUlid()}`;
  const arrived = new Gate();
  const inbox = new Inbox(link, subject, item);
  const unsubscribe = link.receive(reply, (payload, statusCode) => {
    inbox.take(payload, statusCode);
    arrived.open();
  });
  const leavers = enders.map((ender) => onAbort(ender, () => arrived.open()));
  try {
    link.send(subject, request, { reply });
    for (;;) {
      const deadline = performance.now() + idleMs;
      while (inbox.waits && performance.now() < deadline) {
        await arrived.wait(deadline - performance.now());
        throwIfOver();
      }
      if (inbox.waits)
        throw new ClusterError(
          'silence',
          `${subject}: nothing for ${idleMs} ms`,
          'A member of the cluster fell silent.',
        );
      const items = inbox.next();
      if (items === null) return;
      yield* items;
    }
  } finally {
    for (const leave of leavers) leave();
    unsubscribe();
  }
}

/** Messages of a stream that arrived: acknowledged at once, as the protocol has it, unless too many are unread. */
class Inbox<T> {
  private readonly receiver: StreamReceiver<T>;
  private readonly unread: T[][] = [];
  private readonly held: { subject: string; payload: Uint8Array }[] = [];
  private ended = false;
  private failure: ClusterError | null = null;

  constructor(
    private readonly link: StreamLink,
    private readonly subject: string,
    item: Codec<T>,
  ) {
    this.receiver = new StreamReceiver(item);
  }

  /** Whether there is nothing to be had, and may be later. */
  get waits(): boolean {
    return this.unread.length === 0 && !this.ended;
  }

  take(payload: Uint8Array, statusCode: number): void {
    if (this.ended) return;
    try {
      if (statusCode === NO_RESPONDERS)
        throw new ClusterError('nobody', this.subject, 'No member of the cluster answers.');
      const { items, ack, ended } = this.receiver.accept(payload);
      this.unread.push(items);
      if (ack !== null) this.held.push(ack);
      this.ended = ended;
      this.acknowledge();
      if (this.held.length > UNACKNOWLEDGED_MESSAGES) throw this.ahead();
    } catch (error) {
      this.ended = true;
      this.failure = error instanceof ClusterError ? error : malformed(error);
    }
  }

  /** Items of the next message; null at the end. Throws ClusterError where that came too early. */
  next(): T[] | null {
    const items = this.unread.shift();
    this.acknowledge();
    if (items !== undefined) return items;
    if (this.failure !== null) throw this.failure;
    return null;
  }

  /** Whoever does not wait for acknowledgements would fill the memory of a slow reader. */
  private ahead(): ClusterError {
    return new ClusterError(
      'malformed',
      `${this.subject}: ${this.held.length} messages without an acknowledgement`,
      'Another member of the cluster sends more than was taken.',
    );
  }

  private acknowledge(): void {
    const waiting = Math.max(0, this.unread.length - UNREAD_MESSAGES);
    for (const { subject, payload } of this.held.splice(0, this.held.length - waiting))
      this.link.send(subject, payload);
  }
}

function malformed(error: unknown): ClusterError {
  const sentence = error instanceof ProtocolError ? error.sentence : String(error);
  return new ClusterError('malformed', messageOf(error), sentence, error);
}

/**
 * Sends items to whoever asked, at most two messages ahead of the acknowledgements and never more items than fill one
 * message in memory. `gone` is aborted, and the items' iteration ended, when the receiver stops acknowledging; whoever
 * aborts it gives the receiver up.
 */
export async function sendStream<T>(
  link: StreamLink,
  reply: string,
  item: Codec<T>,
  items: AsyncIterable<T>,
  gone: AbortController,
): Promise<void> {
  const ackSubject = `stream-response-ack.${createUlid()}`;
  const sender = new StreamSender(ackSubject, streamMessageLimit(link.maxPayload));
  const window = new AckWindow();
  const acknowledged = new Gate();
  const arrived = new Gate();
  const space = new Gate();
  const state: { failure: unknown; ended: boolean } = { failure: null, ended: false };
  const fail = (error: unknown): void => {
    state.failure ??= error;
    for (const gate of [acknowledged, arrived, space]) gate.open();
  };
  const unsubscribe = link.receive(ackSubject, (payload) => {
    try {
      window.acknowledge(payload);
      acknowledged.open();
    } catch (wrong) {
      fail(wrong);
    }
  });
  const leavers = [gone.signal, link.closed].map((over) => onAbort(over, () => fail(over.reason)));

  const pull = async (): Promise<void> => {
    for await (const value of items) {
      while (sender.full && state.failure === null) await space.wait();
      if (state.failure !== null) return;
      sender.add(encodeWith(item, value));
      arrived.open();
    }
  };
  const pulling = pull().then(
    () => {
      state.ended = true;
      arrived.open();
    },
    (error: unknown) => fail(error),
  );
  try {
    for (;;) {
      while (sender.empty && !state.ended && state.failure === null) await arrived.wait();
      if (state.failure !== null) throw state.failure;
      const { payload, index, last } = sender.take(state.ended);
      space.open();
      link.send(reply, payload);
      if (last) return;
      const deadline = performance.now() + ACK_TIMEOUT_MS;
      while (!window.open(index)) {
        const left = deadline - performance.now();
        if (left <= 0)
          throw new ClusterError(
            'silence',
            `no acknowledgement of message ${index - 1}`,
            'The member that asked for a stream does not take it any more.',
          );
        await acknowledged.wait(left);
        if (state.failure !== null) throw state.failure;
      }
    }
  } catch (error) {
    fail(error);
    gone.abort(error);
    throw error;
  } finally {
    for (const leave of leavers) leave();
    unsubscribe();
    await pulling;
  }
}
