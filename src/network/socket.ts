/** One WebSocket connection, whatever platform makes it. */

export interface SocketEvents {
  open(): void;
  message(text: string): void;
  /** The connection ended or never came about; nothing follows. */
  close(reason: string): void;
}

export interface Socket {
  send(text: string): void;
  close(): void;
}

/** Opens a connection. `maxBytes`: longest message accepted; a longer one ends the connection. */
export type OpenSocket = (url: string, maxBytes: number, events: SocketEvents) => Socket;

/** Opens the platform's own WebSocket: browsers, their workers, and Node.js from version 22 on. */
export const openWebSocket: OpenSocket = (url, maxBytes, events) => {
  const socket = new WebSocket(url);
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    events.close(reason);
  };
  socket.onopen = () => events.open();
  socket.onmessage = (event: MessageEvent<unknown>) => {
    if (ended) return;
    if (typeof event.data === 'string' && event.data.length <= maxBytes) {
      events.message(event.data);
      return;
    }
    socket.close();
    end(typeof event.data === 'string' ? 'a message was too long' : 'a message was not text');
  };
  // The error event says nothing; the close event that follows it has the reason, if there is one.
  socket.onclose = (event) => end(event.reason === '' ? 'the connection ended' : event.reason);
  return {
    send: (text) => socket.send(text),
    close: () => {
      socket.close();
      end('closed');
    },
  };
};
