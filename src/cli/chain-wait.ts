/** Waiting for the verified chain, with words. */
import { onAbort } from '../async/on-abort.ts';
import type { NodeSnapshot } from '../node/api.ts';
import type { StatusLine } from './status-line.ts';

/** Trouble that lasts so long does not pass by itself; nodes that are only restarted are back sooner. */
const TROUBLE_MS = 30_000;
const LOOK_MS = 1_000;

/** What is needed of the node. */
export interface WatchedNode {
  snapshot(): NodeSnapshot;
  onChange(listener: () => void): void;
}

/**
 * Resolves once the chain is verified up to its head, saying how far it is. The first look does not count as a wait: a
 * chain that is there needs no words.
 *
 * @throws Error with a sentence: the chain was refused, or nothing was to be had for half a minute; the signal's reason.
 */
export async function untilFollowing(
  node: WatchedNode,
  status: StatusLine,
  signal: AbortSignal,
  troubleMs = TROUBLE_MS,
): Promise<void> {
  let troubleSince: number | null = null;
  let last: string | null = null;
  let timer: ReturnType<typeof setInterval> | undefined;
  let over = false;
  let leave = (): void => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (over) return;
        const snapshot = node.snapshot();
        if (snapshot.chain?.phase === 'following') return resolve();
        // One that takes every connection and closes it at once seems to be reached each time.
        const retried = isConnecting(snapshot) ? last : null;
        const trouble = troubleOf(snapshot) ?? retried;
        last = trouble;
        troubleSince = trouble === null ? null : (troubleSince ?? performance.now());
        const tired = troubleSince !== null && performance.now() - troubleSince >= troubleMs;
        if (trouble !== null && (tired || snapshot.chain?.phase === 'refused'))
          return reject(new Error(trouble + (isConnecting(snapshot) ? ' --endpoint names another.' : '')));
        if (trouble === null) status.say(...progressOf(snapshot));
        else status.say(`${trouble.replace(/\.$/, '')}; trying again`);
      };
      leave = onAbort(signal, () => reject(signal.reason as Error));
      timer = setInterval(look, LOOK_MS);
      node.onChange(look);
      if (signal.aborted) reject(signal.reason as Error);
      else look();
    });
    status.end();
  } catch (error) {
    status.end();
    throw error;
  } finally {
    over = true;
    leave();
    clearInterval(timer);
  }
}

function isConnecting({ chain }: NodeSnapshot): boolean {
  return chain === null || chain.phase === 'connecting' || chain.phase === 'offline';
}

function troubleOf({ chain, failure, setup }: NodeSnapshot): string | null {
  if (failure !== null) return failure.sentence;
  if (chain?.phase === 'offline' && chain.sources.every(({ state }) => state !== 'connected'))
    return `No node answers at ${setup?.network.endpoints.join(' or ')}.`;
  return chain === null || chain.phase === 'syncing' ? null : (chain.cause?.sentence ?? null);
}

/** Matter and detail. */
function progressOf({ chain, setup }: NodeSnapshot): [string, string?] {
  const { best = null, target = null, examination = null, headersPerSecond: rate = 0 } = chain ?? {};
  if (examination !== null) return ['Examining the chain', `${examination.done} of ${examination.of}`];
  if (target === null) return [`Connecting to ${setup?.network.endpoints.join(', ') ?? 'the network'}`];
  const speed = rate > 0 ? `, ${rate < 10 ? rate.toFixed(1) : Math.round(rate)} a second` : '';
  return [
    'Verifying the chain',
    `block ${best?.number ?? 0} of ${Math.max(target, best?.number ?? 0)}${speed}`,
  ];
}
