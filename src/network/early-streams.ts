/**
 * Streams that carry data before the other side has agreed to their protocol: what multistream-select calls lazy. The
 * bytes are the same, but a question travels with its proposal, and the answer is there a round trip earlier.
 */
import { UnsupportedProtocolError, type Connection, type Stream } from '@libp2p/interface';
import { concat, equal } from '../protocol/bytes.ts';
import { frame } from '../protocol/dsn.ts';

const MULTISTREAM = '/multistream/1.0.0';

/** What is used of a connection's multiplexer and of its streams beside their public face. */
interface Multiplexer {
  createStream(options: { protocol?: string }): Promise<Stream>;
}
interface Incoming {
  /** What came and nobody has read. */
  readBuffer: { readonly byteLength: number; subarray(): Uint8Array; consume(bytes: number): void };
  onData(data: Bytes): void;
}
type Bytes = Uint8Array | { subarray(): Uint8Array };

const awaited = new WeakMap<Stream, Promise<void>>();

/**
 * Resolves once the other side has agreed to the protocol of a stream. Until then writing must not be closed: peers of
 * the same library lose what came before the end.
 */
export function agreed(stream: Stream): Promise<void> {
  return awaited.get(stream) ?? Promise.resolve();
}

/** From now on, streams that are opened for one protocol on this connection do not wait for consent to it. */
export function openEarly(connection: Connection): void {
  const { muxer } = connection as unknown as { muxer?: Multiplexer };
  if (muxer === undefined) return;
  const create = muxer.createStream.bind(muxer);
  muxer.createStream = async (options) => {
    const stream = await create(options);
    const { protocol } = options;
    if (protocol !== undefined && stream.protocol === '') propose(stream, protocol);
    return stream;
  };
}

/** Proposes the protocol, and takes the other side's consent out of what comes. */
function propose(stream: Stream, protocol: string): void {
  stream.protocol = protocol;
  // Who consents says what was proposed.
  const proposal = concat(...[MULTISTREAM, protocol].map(line));
  let left = proposal;
  let consented!: () => void;
  awaited.set(stream, new Promise((resolve) => (consented = resolve)));
  const incoming = stream as unknown as Incoming;
  const take = incoming.onData.bind(incoming);
  incoming.onData = (data) => {
    const bytes = data instanceof Uint8Array ? data : data.subarray();
    const here = Math.min(left.length, bytes.length);
    if (!equal(bytes.subarray(0, here), left.subarray(0, here))) {
      incoming.onData = () => undefined;
      return stream.abort(new UnsupportedProtocolError(`the peer does not speak ${protocol}`));
    }
    left = left.subarray(here);
    if (left.length > 0) return;
    incoming.onData = take;
    consented();
    if (bytes.length > here) take(bytes.subarray(here));
  };
  // Some peers say that they speak multistream-select as soon as they see the stream.
  const { readBuffer } = incoming;
  const before = readBuffer.subarray();
  readBuffer.consume(before.length);
  if (before.length > 0) incoming.onData(before);
  stream.send(proposal);
}

function line(text: string): Uint8Array {
  return frame(new TextEncoder().encode(`${text}\n`));
}
