/** Streams between members of a cluster: sending with two messages under way, receiving with acknowledgements. */
import { onAbort } from '../async/on-abort.ts';
import { createUlid } from '../farm/ulid.ts';
import { encodeWith, type Codec } from '../protocol/codec.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { AckWindow, StreamReceiver, StreamSender } from '../protocol/cluster/stream.ts';
import { ClusterError } from './errors.ts';
import { Gate } from './gate.ts';

/** An acknowledgement is waited for so long. */
const ACK_TIMEOUT_MS = 60_000;
/** A stream without a message for so long is over. */
const IDLE_MS = 60_000;
/** Messages received and not taken beyond which acknowledgements wait: what keeps a slow disk's memory bounded. */
const UNREAD_MESSAGES = 4;
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
  { signal, idleMs = IDLE_MS }: StreamOptions,
): AsyncGenerator<T, void, void> {
  signal?.throwIfAborted();
  const reply = `stream-response.${createUlid()}`;
  const messages: { payload: Uint8Array; statusCode: number }[] = [];
  const arrived = new Gate();
  const unsubscribe = link.receive(reply, (payload, statusCode) => {
    messages.push({ payload, statusCode });
    arrived.open();
  });
  const receiver = new StreamReceiver(item);
  const leavers = [signal, link.closed].map((over) => onAbort(over, () => arrived.open()));
  const pending: { subject: string; payload: Uint8Array }[] = [];
  const acknowledge = (): void => {
    for (const ack of pending.splice(0)) link.send(ack.subject, ack.payload);
  };
  try {
    link.send(subject, request, { reply });
    for (;;) {
      const deadline = performance.now() + idleMs;
      while (messages.length === 0 && performance.now() < deadline) {
        await arrived.wait(deadline - performance.now());
        signal?.throwIfAborted();
        link.closed.throwIfAborted();
      }
      const message = messages.shift();
      if (message === undefined)
        throw new ClusterError(
          'silence',
          `${subject}: nothing for ${idleMs} ms`,
          'A member of the cluster fell silent.',
        );
      if (message.statusCode === NO_RESPONDERS)
        throw new ClusterError('nobody', subject, 'No member of the cluster answers.');
      const { items, ack, ended } = accept(receiver, message.payload);
      if (ack !== null) pending.push(ack);
      // At once, as the protocol has it, unless what came before is still unread.
      if (messages.length < UNREAD_MESSAGES) acknowledge();
      yield* items;
      acknowledge();
      if (ended) return;
    }
  } finally {
    for (const leave of leavers) leave();
    unsubscribe();
  }
}

function accept<T>(
  receiver: StreamReceiver<T>,
  payload: Uint8Array,
): ReturnType<StreamReceiver<T>['accept']> {
  try {
    return receiver.accept(payload);
  } catch (error) {
    const sentence = error instanceof ProtocolError ? error.sentence : String(error);
    throw new ClusterError('malformed', (error as Error).message, sentence, error);
  }
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
