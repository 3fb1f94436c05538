/** Servers on the web for tests. */
import { webUrl, type Web, type WebAnswer, type WebRequest } from '../../network/web.ts';

/** Servers by their addresses without query. */
export class Servers {
  readonly asked: WebRequest[] = [];
  private readonly routes = new Map<string, (request: WebRequest) => WebAnswer | Promise<WebAnswer>>();

  on(url: string, answer: (request: WebRequest) => unknown): void {
    this.routes.set(url, async (request) => {
      const value = await answer(request);
      const isAnswer = typeof value === 'object' && value !== null && 'status' in value;
      return isAnswer ? (value as WebAnswer) : json(value);
    });
  }

  readonly web: Web = async (request) => {
    // Refused before anything is sent, as the platform's own does it.
    webUrl(request.url);
    this.asked.push(request);
    const route = this.routes.get(request.url.split('?')[0]!);
    return route === undefined ? { status: 404, type: '', text: '' } : route(request);
  };
}

export function json(value: unknown, status = 200): WebAnswer {
  return {
    status,
    type: 'application/json',
    text: typeof value === 'string' ? value : JSON.stringify(value),
  };
}
