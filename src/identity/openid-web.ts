/** Answers of servers that speak OpenID, read strictly; what they refuse with reaches the person. */
import * as v from 'valibot';
import { webUrl, type Web, type WebAnswer } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import { parseJson, shaped } from '../wallet/json.ts';

/** Schema of a text of 1 to `limit` characters. */
export const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));
/** Schema of an address; `webUrl` decides whether it may be asked. */
export const url = text(2048);

export const NOT_ITSELF = 'The issuer’s own description names somebody else.';

const failureSchema = v.object({
  error: text(200),
  error_description: v.optional(v.pipe(v.string(), v.maxLength(1000))),
});

/** Body of an answer, of a shape. Throws DecodeError. */
export function read<S extends v.GenericSchema>(
  schema: S,
  answer: WebAnswer,
  what: string,
): v.InferOutput<S> {
  return shaped(schema, parseJson(answer.text, what), what);
}

/** The answer, if the server did what it was asked. Throws Refusal `issuer-refused` with its reason. */
export function succeeded(answer: WebAnswer, what: string): WebAnswer {
  if (answer.status >= 200 && answer.status < 300) return answer;
  const said = v.safeParse(failureSchema, maybeJson(answer.text));
  const reason = said.success
    ? (said.output.error_description ?? said.output.error)
    : `HTTP ${answer.status}`;
  throw new Refusal(
    'issuer-refused',
    `${what}: ${reason}`,
    `The other side refused: ${reason.slice(0, 200)}`,
  );
}

function maybeJson(body: string): unknown {
  try {
    return parseJson(body, 'failure');
  } catch {
    return null;
  }
}

/** Sends a form and reads what comes back. Throws Refusal `issuer-refused`, DecodeError, WebError. */
export async function postForm<S extends v.GenericSchema>(
  address: string,
  fields: Record<string, string>,
  schema: S,
  what: string,
  web: Web,
): Promise<v.InferOutput<S>> {
  const answer = await web({
    method: 'POST',
    url: address,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  });
  return read(schema, succeeded(answer, what), what);
}

/** A document of a server's host, whose name stands between host and path (RFC 8615). */
export async function wellKnown(server: string, name: string, accept: string, web: Web): Promise<WebAnswer> {
  const { origin, pathname } = webUrl(server);
  const path = pathname === '/' ? '' : pathname.replace(/\/$/, '');
  const address = `${origin}/.well-known/${name}${path}`;
  return succeeded(await web({ method: 'GET', url: address, headers: { accept } }), name);
}
