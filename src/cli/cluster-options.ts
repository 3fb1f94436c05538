/** The command line of `allotment cluster`. */
import { ANY_CACHE_GROUP } from '../protocol/cluster/messages.ts';
import { parseOptions, UsageError, wholeNumber } from './usage.ts';

export const CLUSTER_HELP = `Usage: npm run allotment -- cluster ROLE --nats URL [options]

Roles
  controller    speaks for a node: slots, solutions, segment headers, pieces
  cache         keeps pieces for the others
  plotter       encodes sectors for farmers
  farmer        a farm whose sectors the cluster's plotters encode

Options
  --nats URL             server, e.g. nats://192.168.0.2:4222 or tls://…; may be given several times
  --data DIR             where everything is kept (default: ~/.allotment)
  --cores N              cores to use (default: all)
  --endpoint URL         controller: node to speak for (default: ws://127.0.0.1:9944)
  --cache-group NAME     controller, cache: caches that belong together (default: default)
  --pieces N             cache: pieces to keep, 1 MiB each (default: 1024)
  --sectors N            farmer: sectors to plot (default: 1)
  --reward ADDRESS       farmer: account that rewards are paid to (default: the farmer's own)
  --plot-with WHO        farmer: cluster, self, or both: itself where nobody offers (default: both)
  --check-records N      farmer: records of a delivered sector to encode again (default: 1 in 64, 2 at least)
  --helper PORT          plotter: let the native helper on that port of this machine encode; PORT:CODE names its code
  --memory MIB           plotter: memory for pieces and encodings, 64 or more (default: 512)

Credentials, where the server asks for them
  --nats-creds FILE      credentials file (JWT and seed)
  --nats-nkey FILE       file with the seed of an nkey
  --nats-ca, --nats-cert, --nats-key FILE     certificates for TLS
  ALLOTMENT_NATS_USER and ALLOTMENT_NATS_PASSWORD, or ALLOTMENT_NATS_TOKEN, in the environment

One JSON object a line on standard output says what happens.
`;

const OPTIONS = {
  nats: { type: 'string', multiple: true },
  data: { type: 'string' },
  cores: { type: 'string' },
  endpoint: { type: 'string' },
  'cache-group': { type: 'string' },
  pieces: { type: 'string' },
  sectors: { type: 'string' },
  reward: { type: 'string' },
  'plot-with': { type: 'string' },
  'check-records': { type: 'string' },
  helper: { type: 'string' },
  memory: { type: 'string' },
  'nats-creds': { type: 'string' },
  'nats-nkey': { type: 'string' },
  'nats-ca': { type: 'string' },
  'nats-cert': { type: 'string' },
  'nats-key': { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** The role and the options that were given. Throws UsageError. */
export function parseCluster(args: string[]) {
  return parseOptions(OPTIONS, args);
}

export type ClusterValues = ReturnType<typeof parseCluster>['values'];

/** Options of every role. */
export const JOINING: readonly (keyof ClusterValues)[] = [
  'nats',
  'data',
  'cores',
  'nats-creds',
  'nats-nkey',
  'nats-ca',
  'nats-cert',
  'nats-key',
];

/** The group of caches that was named. Throws UsageError for one that others could not tell from any group. */
export function cacheGroupOf({ 'cache-group': group }: ClusterValues): string | undefined {
  if (group !== undefined && (group === ANY_CACHE_GROUP || !/^[\w-]+$/.test(group)))
    throw new UsageError('--cache-group takes a name of letters and digits');
  return group;
}

/** A number that an option gives, from 1 on; `otherwise` where it is left out. Throws UsageError. */
export function numberOf(
  values: ClusterValues,
  name: 'cores' | 'pieces' | 'sectors' | 'memory' | 'check-records',
  otherwise: number,
): number {
  const text = values[name];
  return text === undefined ? otherwise : wholeNumber(name, text);
}
