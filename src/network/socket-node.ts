import { WebSocket } from 'ws';
import type { OpenSocket } from './socket.ts';

/** Opens a WebSocket under Node.js 20, which has none of its own. */
export const openNodeSocket: OpenSocket = (url, maxBytes, events) => {
  const socket = new WebSocket(url, { maxPayload: maxBytes, perMessageDeflate: false });
  let reason = 'the connection ended';
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    events.close(reason);
  };
  socket.on('open', () => events.open());
  socket.on('message', (data, isBinary) => {
    if (ended) return;
    if (isBinary && events.bytes !== undefined && Buffer.isBuffer(data)) {
      events.bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return;
    }
    if (isBinary) {
      reason = 'a message was not text';
      socket.terminate();
      return;
    }
    events.message(String(data));
  });
  socket.on('error', (error) => {
    reason = error.message;
  });
  socket.on('close', (_code, why) => {
    if (why.length > 0) reason = String(why);
    end();
  });
  return {
    send: (message) => socket.send(message),
    close: () => {
      socket.terminate();
      end();
    },
  };
};
