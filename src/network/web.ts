/** HTTP to servers that the person chose, such as issuers of credentials. No cookies, no redirects, no referrer. */
import { isThisMachine } from './local-access.ts';

export interface WebRequest {
  method: 'GET' | 'POST';
  url: string;
  headers?: Record<string, string>;
  body?: string;
}

export interface WebAnswer {
  status: number;
  /** Media type without parameters, in lower case. */
  type: string;
  text: string;
  /** Header `DPoP-Nonce`: what the next proof of a key has to hold. */
  dpopNonce?: string;
}

/** Sends one request. Throws WebError. */
export type Web = (request: WebRequest) => Promise<WebAnswer>;

/** A server that cannot be asked, or does not answer. `sentence` is for the person. */
class WebError extends Error {
  constructor(
    readonly sentence: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'WebError';
  }
}

const TIMEOUT_MS = 20_000;
const MAX_BYTES = 1024 * 1024;

/** A URL that may be asked: encrypted, or on this machine. Throws WebError. */
export function webUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new WebError('An address in it is none.', `“${text.slice(0, 100)}” is no URL`, { cause: error });
  }
  const open = url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url.hostname));
  if (!open || url.username !== '' || url.password !== '')
    throw new WebError(
      'Only encrypted addresses (https) are spoken to.',
      `${url.protocol}//${url.host} is not encrypted`,
    );
  return url;
}

/** The platform's own `fetch`. */
export const openWeb: Web = async ({ method, url, headers, body }) => {
  const { href, host } = webUrl(url);
  try {
    const response = await fetch(href, {
      method,
      headers,
      body,
      redirect: 'error',
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const type = (response.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
    const dpopNonce = response.headers.get('dpop-nonce');
    const text = await limitedText(response, host);
    return { status: response.status, type, text, ...(dpopNonce !== null && { dpopNonce }) };
  } catch (error) {
    if (error instanceof WebError) throw error;
    throw new WebError(`${host} does not answer.`, `${method} ${host}: ${String(error)}`, { cause: error });
  }
};

async function limitedText(response: Response, host: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    size += part.value.length;
    if (size > MAX_BYTES) {
      await reader?.cancel();
      throw new WebError(`${host} sent more than it should.`, `more than ${MAX_BYTES} bytes`);
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}
