/** What `get` takes, and what of it is refused before anything is waited for. */
import { multiaddressOf } from '../dsn/multiaddress.ts';
import { parseObjectLink, type ObjectLink } from '../objects/link.ts';
import type { ByteRange } from '../objects/object.ts';
import { rangeOf } from '../objects/response.ts';
import { indexerAddress } from '../node/storage-network.ts';
import { refuseExisting } from './save.ts';
import type { StatusLine } from './status-line.ts';
import { UsageError } from './usage.ts';

export interface GetOptions {
  /** File to write, `-` for standard output; the object's own name in the present folder when left out. */
  output?: string | undefined;
  password?: string | undefined;
  /** Bytes of a file, as HTTP has them: `0-99`, `100-`, `-100`. */
  range?: string | undefined;
  /** Whether a folder becomes a folder rather than a zip file. */
  unpack?: boolean | undefined;
  /** Whether to look through all of history for what nobody knows a place of. */
  search?: boolean | undefined;
  /** Asks the person for a password; null where nobody can be asked. */
  ask(question: string): Promise<string | null>;
  signal: AbortSignal;
  /** Where the person is told what is waited for; standard error when left out. */
  status?: StatusLine;
  /** Milliseconds without news after which it ends. */
  patienceMs?: number;
  /** Milliseconds until those are asked again who did not answer. */
  askAgainMs?: number;
}

/**
 * Refuses, before anything is waited for, what cannot be meant whatever the object is.
 *
 * @throws UsageError; NodeError for what is no address of an index; Error where the file to write exists already.
 */
export async function requireGettable(
  options: Pick<GetOptions, 'output' | 'range' | 'unpack'>,
  peers: readonly string[] = [],
  indexers: readonly string[] = [],
): Promise<void> {
  const { output, range, unpack } = options;
  if (range !== undefined) {
    requireRange(range, Number.POSITIVE_INFINITY);
    if (unpack === true) throw new UsageError('--range is of a file, --unpack of a folder');
  }
  const peer = peers.find((text) => multiaddressOf(text) === null);
  if (peer !== undefined)
    throw new UsageError(`--peer takes an address such as /ip4/…/tcp/…/p2p/…, which “${peer}” is not`);
  for (const address of indexers) indexerAddress(address);
  if (output !== undefined && output !== '-') await refuseExisting(output);
}

/** Bytes that `--range` names of a file of `size` bytes. Throws UsageError. */
export function requireRange(text: string, size: number): ByteRange | 'unsatisfiable' {
  const range = rangeOf(`bytes=${text}`, size);
  if (range === null) throw new UsageError('--range takes bytes such as 0-99, 100- or -100');
  return range;
}

/** Throws UsageError for what is no identifier or link. */
export function parseLink(text: string): ObjectLink {
  try {
    return parseObjectLink(text);
  } catch (cause) {
    throw new UsageError(`“${text.slice(0, 80)}” is no identifier of an object`, { cause });
  }
}
