/**
 * How a request for one of the app's own addresses, `/object/CID/…`, travels: the service worker asks the tabs over a
 * message port, the tab that runs the node answers, and bytes move only as fast as they are read.
 */
import { sentenceResponse } from '../objects/guarded.ts';
import { messageOf } from '../protocol/errors.ts';
import type { ObjectDesk } from './objects.ts';

/** What the service worker asks a tab. */
export interface ObjectRequest {
  kind: 'object-request';
  url: string;
  /** `Range` and `If-Range` headers. */
  range: string | null;
  ifRange: string | null;
  headersOnly: boolean;
}

/** What the tab says. */
export type ObjectAnswer =
  | { kind: 'not-here' }
  | { kind: 'here' }
  | { kind: 'head'; status: number; headers: [string, string][] }
  | { kind: 'chunk'; bytes: Uint8Array }
  | { kind: 'end' }
  | { kind: 'failure'; sentence: string };

/** What the service worker says then. */
export type ObjectPull = { kind: 'pull' } | { kind: 'cancel' };

/** Answers a request over a port; ends when the content does or its reader has gone. */
export async function serveObject(
  openDesk: () => Promise<ObjectDesk>,
  { url, range, ifRange, headersOnly }: ObjectRequest,
  port: MessagePort,
): Promise<void> {
  const send = (answer: ObjectAnswer, transfer: Transferable[] = []): void =>
    port.postMessage(answer, transfer);
  const stop = new AbortController();
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  const pull = async (): Promise<void> => {
    try {
      const next = await reader!.read();
      if (next.done) return finish({ kind: 'end' });
      // A part may be a view on what the node keeps.
      const bytes = next.value.slice();
      send({ kind: 'chunk', bytes }, [bytes.buffer]);
    } catch (error) {
      finish({ kind: 'failure', sentence: messageOf(error) });
    }
  };
  const finish = (answer: ObjectAnswer): void => {
    send(answer);
    port.close();
  };
  port.onmessage = ({ data }: MessageEvent<ObjectPull>) => {
    if (data.kind === 'pull') void pull();
    else {
      stop.abort(new DOMException('the reader has gone', 'AbortError'));
      void reader?.cancel().catch(() => undefined);
      port.close();
    }
  };
  send({ kind: 'here' });
  try {
    const desk = await openDesk();
    const response = await desk.respond(new URL(url), { range, ifRange, headersOnly, signal: stop.signal });
    reader = response.body?.getReader() ?? null;
    send({ kind: 'head', status: response.status, headers: [...response.headers] });
    if (reader === null) finish({ kind: 'end' });
  } catch (error) {
    if (!stop.signal.aborted) finish({ kind: 'failure', sentence: messageOf(error) });
  }
}

/** A tab has to say within this time whether it runs the node. */
const HERE_MS = 2_000;

/**
 * Asks one tab. Resolves to null when it does not run the node; the stream of the response ends with the failure that
 * the tab tells.
 *
 * @param post Sends the request to the tab.
 * @param lasting Told of the work that goes on after the response has begun.
 */
export function askTab(
  request: ObjectRequest,
  post: (request: ObjectRequest, port: MessagePort) => void,
  lasting: (work: Promise<void>) => void,
): Promise<Response | null> {
  const { port1: port, port2 } = new MessageChannel();
  const say = (message: ObjectPull): void => port.postMessage(message);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      port.close();
      resolve(null);
    }, HERE_MS);
    let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
    let over: () => void = () => undefined;
    let pulled: () => void = () => undefined;
    const failed = (sentence: string): void => {
      if (controller === null) resolve(sentenceResponse(sentence, 503));
      else controller.error(new Error(sentence));
      over();
    };
    port.onmessage = ({ data }: MessageEvent<ObjectAnswer>) => {
      clearTimeout(timer);
      switch (data.kind) {
        case 'not-here':
          port.close();
          resolve(null);
          break;
        case 'here':
          break;
        case 'head': {
          lasting(new Promise((done) => (over = done)));
          const body = new ReadableStream<Uint8Array>(
            {
              start: (started) => void (controller = started),
              pull: () => {
                say({ kind: 'pull' });
                return new Promise((done) => (pulled = done));
              },
              cancel: () => {
                say({ kind: 'cancel' });
                // What is on its way still has no reader.
                port.onmessage = null;
                port.close();
                over();
              },
            },
            { highWaterMark: 0 },
          );
          const { status, headers } = data;
          const empty = request.headersOnly || status === 416 || status === 204;
          if (empty) over();
          resolve(new Response(empty ? null : body, { status, headers }));
          break;
        }
        case 'chunk':
          controller?.enqueue(data.bytes);
          pulled();
          break;
        case 'end':
          if (controller !== null && !request.headersOnly) closeQuietly(controller);
          pulled();
          over();
          break;
        case 'failure':
          failed(data.sentence);
          pulled();
          break;
      }
    };
    post(request, port2);
  });
}

/** A stream that its reader has left is closed already. */
function closeQuietly(controller: ReadableStreamDefaultController<Uint8Array>): void {
  try {
    controller.close();
  } catch {
    return;
  }
}
