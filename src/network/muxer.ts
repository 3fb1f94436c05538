/** Yamux that tells of room in a stream's window half a window at a time, as the protocol's own implementation does. */
import type { StreamMuxerFactory } from '@libp2p/interface';
import { yamux } from '@libp2p/yamux';

/** Streams that may be opened before a connection is ready for them: whoever waited for it asks all at once. */
const MAX_EARLY_STREAMS = 256;

/** A piece and what goes with it, so that nobody who sends one has to wait for leave in the middle of it. */
const ANSWER_WINDOW = 1_310_720;

/** What is used of the multiplexer beside its public face. */
interface Opener {
  onCreateStream(): Window;
}

/** What is used of a stream beside its public face. */
interface Window {
  /** Bytes that the other side may send when it has just been told. */
  recvWindow: number;
  /** Those of them that it has not sent yet. */
  recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

/**
 * The multiplexer of connections. On streams opened here the library would answer every frame with an update of its
 * own, encrypted and sent as a message or two: for a piece that comes in frames of 16 KiB, more than a hundred.
 */
export function muxer(): () => StreamMuxerFactory {
  const factories = yamux({ maxEarlyStreams: MAX_EARLY_STREAMS });
  return () => {
    const factory = factories();
    const create = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => {
      const made = create(connection);
      const opener = made as unknown as Opener;
      const open = opener.onCreateStream.bind(opener);
      opener.onCreateStream = () => {
        const stream = open();
        updatesByHalves(stream);
        stream.recvWindow = ANSWER_WINDOW;
        return stream;
      };
      return made;
    };
    return factory;
  };
}

function updatesByHalves(window: Window): void {
  const update = window.sendWindowUpdate.bind(window);
  window.sendWindowUpdate = () => {
    const { recvWindow, recvWindowCapacity } = window;
    // Nothing used: what is sent opens the stream, or lets it go on after a pause.
    if (recvWindowCapacity === recvWindow || recvWindowCapacity <= recvWindow / 2) update();
  };
}
