import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { within } from './within.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Ends only by its signal, which nobody else holds. */
function endless(limit: AbortSignal): Promise<never> {
  return new Promise((_, reject) => limit.addEventListener('abort', () => reject(limit.reason as Error)));
}

describe('work within a time', () => {
  it('is given up in time, through any number of garbage collections', async () => {
    const { signal } = new AbortController();
    const sweeping = setInterval(collectGarbage, 10);
    try {
      await expect(within(100, signal, endless)).rejects.toMatchObject({ name: 'TimeoutError' });
    } finally {
      clearInterval(sweeping);
    }
  });

  it('is given up with whoever waits, through any number of garbage collections', async () => {
    const sweeping = setInterval(collectGarbage, 10);
    try {
      const work = within(60_000, AbortSignal.timeout(100), (limit) => within(60_000, limit, endless));
      await expect(work).rejects.toMatchObject({ name: 'TimeoutError' });
    } finally {
      clearInterval(sweeping);
    }
  });

  it('is given up for the reason of the one who gives it up', async () => {
    const giver = new AbortController();
    const work = within(60_000, giver.signal, endless);
    giver.abort('enough');
    await expect(work).rejects.toBe('enough');
    await expect(within(60_000, giver.signal, () => Promise.resolve(1))).rejects.toBe('enough');
  });

  it('is given up in time for the reason that is asked for', async () => {
    const late = (ms: number) => new Error(`late after ${ms}`);
    await expect(within(5, undefined, endless, late)).rejects.toThrow('late after 5');
  });

  it('leaves the signal alone once it has ended', async () => {
    const giver = new AbortController();
    const limit = await within(5, giver.signal, (one) => Promise.resolve(one));
    giver.abort('late');
    await new Promise((done) => setTimeout(done, 20));
    expect(limit.aborted).toBe(false);
    const failed = within(5, undefined, () => Promise.reject(new Error('its own')));
    await expect(failed).rejects.toThrow('its own');
  });
});
