/** One WebSocket connection, whatever platform makes it. */
import { keptFrom } from './local-access.ts';

export interface SocketEvents {
  open(): void;
  message(text: string): void;
  /** A binary message. Where this is left out, one ends the connection. */
  bytes?(message: Uint8Array): void;
  /** The connection ended or never came about; nothing follows. */
  close(reason: string): void;
}

export interface Socket {
  send(message: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** Opens a connection. `maxBytes`: longest message accepted; a longer one ends the connection. */
export type OpenSocket = (url: string, maxBytes: number, events: SocketEvents) => Socket;

/** Throws Error, whose message is part of a sentence for the person. */
function newWebSocket(url: string): WebSocket {
  try {
    return new WebSocket(url);
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'SecurityError') throw error;
    throw new Error('A page that came by https:// reaches other machines by wss:// only.', { cause: error });
  }
}

/** Opens the platform's own WebSocket: browsers, their workers, and Node.js from version 22 on. */
export const openWebSocket: OpenSocket = (url, maxBytes, events) => {
  const socket = newWebSocket(url);
  let opened = false;
  socket.binaryType = 'arraybuffer';
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    events.close(reason);
  };
  socket.onopen = () => {
    opened = true;
    events.open();
  };
  socket.onmessage = (event: MessageEvent<unknown>) => {
    if (ended) return;
    const { data } = event;
    if (typeof data === 'string' && data.length <= maxBytes) return events.message(data);
    if (data instanceof ArrayBuffer && data.byteLength <= maxBytes && events.bytes !== undefined)
      return events.bytes(new Uint8Array(data));
    const kindTaken = typeof data === 'string' || events.bytes !== undefined;
    socket.close();
    end(kindTaken ? 'a message was too long' : 'a message was not text');
  };
  // The error event says nothing; the close event that follows it has the reason, if there is one.
  socket.onclose = async ({ reason }) => {
    const kept = opened || reason !== '' ? null : await keptFrom(url);
    end(kept ?? (reason === '' ? 'the connection ended' : reason));
  };
  return {
    send: (message) => socket.send(message),
    close: () => {
      socket.close();
      end('closed');
    },
  };
};
