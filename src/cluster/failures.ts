/** What the NATS client throws, as the errors of a cluster. */
import { NoRespondersError, RequestError, TimeoutError } from '@nats-io/nats-core';
import { keptFrom } from '../network/local-access.ts';
import { decodeWith, type Codec } from '../protocol/codec.ts';
import { messageOf } from '../protocol/errors.ts';
import { ClusterError } from './errors.ts';

/** The answer to a request. Throws ClusterError `malformed`. */
export function decodeAnswer<R>(codec: Codec<R>, payload: Uint8Array): R {
  try {
    return decodeWith(codec, payload, 'cluster-response');
  } catch (error) {
    throw new ClusterError(
      'malformed',
      'an answer that does not decode',
      'Another member of the cluster sent an answer that makes no sense; is it of another release?',
      error,
    );
  }
}

/** What a failed request means: `nobody`, `silence`, or what it was. */
export function requestError(error: unknown, subject: string): unknown {
  const noOne =
    error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
  if (noOne) return new ClusterError('nobody', subject, 'No member of the cluster answers.', error);
  if (error instanceof TimeoutError || (error as Error).name === 'TimeoutError')
    return new ClusterError('silence', subject, 'A member of the cluster did not answer in time.', error);
  return error;
}

/** What of TLS went wrong, in a sentence; null where it was something else. */
function tlsTrouble(error: unknown, text: string, where: string): string | null {
  if (/does not support 'tls'/.test(text))
    return `The NATS server at ${where} offers no TLS. Nothing was sent to it.`;
  const code = String((error as { code?: unknown }).code ?? '');
  if (/CERT|VERIFY|ISSUER/.test(code))
    return `The certificate of the NATS server at ${where} is not to be trusted: ${text}.`;
  return null;
}

/** Why a server could not be joined: `refused` or `unreachable`. */
export async function connectionError(error: unknown, servers: string[]): Promise<ClusterError> {
  const text = messageOf(error);
  const where = servers.join(', ');
  const trouble = tlsTrouble(error, text, where);
  if (trouble !== null) return new ClusterError('refused', `${where}: ${text}`, trouble, error);
  if (/authori[sz]ation|authentication/i.test(text))
    return new ClusterError(
      'refused',
      `${where}: ${text}`,
      'The NATS server does not accept these credentials.',
      error,
    );
  const [kept] = (await Promise.all(servers.map(keptFrom))).filter((one) => one !== null);
  return new ClusterError(
    'unreachable',
    `${where}: ${text}`,
    `No NATS server answers at ${where}. ${kept ?? 'Start it, or check the address.'}`,
    error,
  );
}
