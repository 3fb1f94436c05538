/** A native helper in the test's own process: the wire format of the real one, answers by script. */
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

/** The code that `honest` takes. */
export const CODE = '0123456789abcdef0123456789abcdef';
export const INFO = {
  name: 'allotment-helper',
  version: '0.1.0',
  cores: 2,
  implementation: 'aes-ni',
  proveRate: 9e7,
  verifyRate: 1e9,
  plotting: { encodings: 2, vectors: 'AVX2' },
};
export interface Asked {
  id: number;
  method: string;
  params: {
    code?: string;
    seed?: string;
    iterations?: number;
    slots?: { seed: string; iterations: number; checkpoints: string }[];
  };
}

/** What a scripted helper answers; undefined: nothing. */
export type Script = (asked: Asked, paired: boolean) => object | string | undefined;
/** Takes a binary message of a paired page; answers by `say`. */
export type Plot = (message: Uint8Array, say: (answer: Uint8Array) => void) => void;

/** As the real one, and every slot holds. */
export const honest: Script = ({ id, method, params }, paired) => {
  if (method === 'pair') {
    return params.code === CODE
      ? { id, result: INFO }
      : { id, error: { code: 'wrong-code', message: 'another code' } };
  }
  if (!paired) return { id, error: { code: 'not-paired', message: 'pair first' } };
  return { id, result: params.slots!.map(() => ({ firstWrong: null })) };
};

/** A helper on a free port, or on one, that answers by its script. Stop it. */
export class ScriptedHelper {
  readonly asked: Asked[] = [];
  private readonly server: WebSocketServer;

  private constructor(script: Script, port: number, allowed: boolean, plot: Plot) {
    this.server = new WebSocketServer({
      host: '127.0.0.1',
      port,
      verifyClient: (_: unknown, done: (ok: boolean, code?: number) => void) => done(allowed, 403),
    });
    this.server.on('connection', (socket) => {
      let paired = false;
      socket.on('message', (data, isBinary) => {
        if (isBinary) return plot(new Uint8Array(data as Buffer), (answer) => socket.send(answer));
        const asked = JSON.parse(String(data)) as Asked;
        this.asked.push(asked);
        const answer = script(asked, paired);
        paired ||= asked.method === 'pair' && typeof answer === 'object' && 'result' in answer;
        if (answer !== undefined) socket.send(typeof answer === 'string' ? answer : JSON.stringify(answer));
      });
    });
  }

  static async start(
    script: Script = honest,
    {
      port = 0,
      allowed = true,
      plot = () => undefined,
    }: { port?: number; allowed?: boolean; plot?: Plot } = {},
  ): Promise<ScriptedHelper> {
    const helper = new ScriptedHelper(script, port, allowed, plot);
    await new Promise((done) => helper.server.once('listening', done));
    return helper;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate();
    return new Promise((done) => this.server.close(() => done()));
  }
}
