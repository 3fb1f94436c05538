/** A request for an object on its way from the service worker to a tab and back, over real ports. */
import { describe, expect, it, vi } from 'vitest';
import { askTab, serveObject, type ObjectRequest } from './object-ports.ts';
import type { ObjectDesk } from './objects.ts';

const REQUEST: ObjectRequest = {
  kind: 'object-request',
  url: 'https://app.example/object/x',
  range: null,
  ifRange: null,
  headersOnly: false,
};

type Asked = Parameters<ObjectDesk['respond']>[1] & { url: URL };

/** What the worker gets from a tab that answers so. `asked`: what the node was asked; `lasting`: what goes on. */
async function ask(
  answer: (asked: Asked) => Response | Promise<Response>,
  request: Partial<ObjectRequest> = {},
) {
  const asked: Asked[] = [];
  const lasting: Promise<void>[] = [];
  const respond: ObjectDesk['respond'] = async (url, options) => {
    asked.push({ url, ...options });
    return answer(asked[0]!);
  };
  const response = await askTab(
    { ...REQUEST, ...request },
    (question, port) => void serveObject(() => Promise.resolve({ respond } as ObjectDesk), question, port),
    (work) => lasting.push(work),
  );
  return { response: response!, asked, lasting };
}

/** A body of parts that tells how many were asked for, and whether it was given up. */
function body(parts: number, failure: Error | null = null) {
  const state = { read: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (state.read === parts) {
          if (failure === null) controller.close();
          else controller.error(failure);
          return;
        }
        state.read += 1;
        controller.enqueue(Uint8Array.of(state.read));
      },
      cancel: () => void (state.cancelled = true),
    },
    { highWaterMark: 0 },
  );
  return { stream, state };
}

describe('a request over a port', () => {
  it('brings what is asked to the node, and its answer back', async () => {
    const { stream } = body(3);
    const headers = { 'Content-Range': 'bytes 1-3/9', 'Content-Security-Policy': 'sandbox' };
    const { response, asked, lasting } = await ask(() => new Response(stream, { status: 206, headers }), {
      range: 'bytes=1-3',
      ifRange: '"x"',
    });
    expect(asked[0]).toMatchObject({ range: 'bytes=1-3', ifRange: '"x"', headersOnly: false });
    expect(asked[0]!.url.pathname).toBe('/object/x');
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe('bytes 1-3/9');
    expect(response.headers.get('content-security-policy')).toBe('sandbox');
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([1, 2, 3]);
    await lasting[0];
  });

  it('has headers alone where only they are asked for, and ends', async () => {
    const headers = { 'Content-Length': '99' };
    const { response, asked, lasting } = await ask(() => new Response(null, { headers }), {
      headersOnly: true,
    });
    expect(asked[0]!.headersOnly).toBe(true);
    expect([response.status, response.headers.get('content-length'), response.body]).toEqual([
      200,
      '99',
      null,
    ]);
    await lasting[0];
  });

  it('ends without a body where there is none to be had', async () => {
    const { response, lasting } = await ask(() => new Response(null, { status: 416 }));
    expect([response.status, response.body]).toEqual([416, null]);
    await lasting[0];
  });

  it('reads no further than its reader does, and stops when that one leaves', async () => {
    const { stream, state } = body(1_000);
    const { response, asked, lasting } = await ask(() => new Response(stream));
    const reader = response.body!.getReader();
    await reader.read();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(state.read).toBe(2);
    await reader.cancel();
    await lasting[0];
    await vi.waitFor(() => expect([state.cancelled, asked[0]!.signal.aborted]).toEqual([true, true]));
  });

  it('drops what is on its way when its reader leaves', async () => {
    let give: () => void = () => undefined;
    const late = new ReadableStream<Uint8Array>({
      pull: (controller) =>
        new Promise<void>((done) => {
          give = () => {
            controller.enqueue(Uint8Array.of(1));
            done();
          };
        }),
    });
    const { response, lasting } = await ask(() => new Response(late));
    const reader = response.body!.getReader();
    const waiting = reader.read();
    await new Promise((resolve) => setTimeout(resolve, 20));
    void reader.cancel();
    // An unhandled failure would fail the run.
    give();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await lasting[0];
    await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('fails in the middle with the node’s sentence, not as an end', async () => {
    const { stream } = body(1, new Error('a piece is missing'));
    const { response, lasting } = await ask(() => new Response(stream));
    await expect(response.arrayBuffer()).rejects.toThrow('a piece is missing');
    await lasting[0];
  });

  it('fails before it begins with a sentence that runs nowhere', async () => {
    const { response } = await ask(() => Promise.reject(new Error('<b>not ready</b>')));
    expect([response.status, await response.text()]).toEqual([503, '<b>not ready</b>']);
    expect(response.headers.get('content-type')).toContain('text/plain');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('goes to the next tab where one has no node, or says nothing', async () => {
    const nothing = (): void => undefined;
    expect(await askTab(REQUEST, (_, port) => port.postMessage({ kind: 'not-here' }), nothing)).toBeNull();
    vi.useFakeTimers();
    try {
      const silent = askTab(REQUEST, nothing, nothing);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await silent).toBeNull();
    } finally {
      vi.useRealTimers();
    }
  });
});
