/**
 * A tab of the same origin that leads: it holds the lock, says a snapshot and answers commands as it is told. The app in
 * the next tab shows that as it shows what any other tab does, so that a state that takes hours or hundreds of things to
 * come about is on the screen at once.
 */
import type { BrowserContext } from '@playwright/test';
import type { NodeSnapshot } from '../../src/node/api.ts';
import { packSnapshot } from '../../src/node/sector-wire.ts';

/** What is answered to commands, by name; those of a part of the node as `objects.status`. */
export type Answers = Record<string, unknown>;

export interface LeadingTab {
  /** Says another snapshot from now on. */
  say(snapshot: NodeSnapshot): Promise<void>;
  /** Says the present one so many times a second, with one more block each time, as a busy node does. */
  hurry(timesASecond: number): Promise<void>;
}

/** Opens it; the page that is opened next shows what it says. */
export async function leadingTab(
  context: BrowserContext,
  app: string,
  snapshot: NodeSnapshot,
  answers: Answers,
): Promise<LeadingTab> {
  const tab = await context.newPage();
  await tab.goto(`${app}/icon.svg`);
  await tab.evaluate(lead, [crossing(snapshot), answers] as const);
  return {
    say: (next) => tab.evaluate((told) => window.postMessage({ told }), crossing(next)),
    hurry: (times) => tab.evaluate((hurry) => window.postMessage({ hurry }), times),
  };
}

/** The snapshot as it crosses to the tab: typed arrays become lists. */
function crossing(snapshot: NodeSnapshot) {
  const packed = packSnapshot(snapshot);
  return {
    ...packed,
    farms: packed.farms.map((farm) => {
      const { states, ages } = farm.sectors;
      return { ...farm, sectors: { ...farm.sectors, states: [...states], ages: [...ages] } };
    }),
  };
}

/** Runs in the tab. */
async function lead([first, answers]: readonly [ReturnType<typeof crossing>, Answers]): Promise<void> {
  const unpacked = (told: typeof first) => ({
    ...told,
    farms: told.farms.map((farm) => {
      const { states, ages } = farm.sectors;
      return {
        ...farm,
        sectors: { ...farm.sectors, states: Uint8Array.from(states), ages: Float64Array.from(ages) },
      };
    }),
  });
  let snapshot = unpacked(first);
  let timer = 0;
  await new Promise<void>((held) => {
    void navigator.locks.request('allotment-node', () => {
      held();
      return new Promise<never>(() => undefined);
    });
  });
  const channel = new BroadcastChannel('allotment');
  const say = (): void => channel.postMessage({ kind: 'snapshot', snapshot });
  channel.onmessage = ({
    data,
  }: MessageEvent<{ kind: string; id: string; name: string; args: unknown[] }>) => {
    if (data.kind === 'hello') say();
    if (data.kind !== 'command') return;
    const key = [`${data.name}.${String(data.args[0])}`, data.name].find((one) => one in answers);
    channel.postMessage(
      key !== undefined
        ? { kind: 'result', id: data.id, value: answers[key] }
        : { kind: 'failure', id: data.id, message: 'This tab was told no answer to that.' },
    );
  };
  window.addEventListener('message', ({ data }: MessageEvent<{ told?: typeof first; hurry?: number }>) => {
    if (data.told !== undefined) {
      snapshot = unpacked(data.told);
      say();
    }
    if (data.hurry === undefined) return;
    clearInterval(timer);
    timer = window.setInterval(() => {
      const best = snapshot.chain?.best;
      if (best)
        snapshot = { ...snapshot, chain: { ...snapshot.chain!, best: { ...best, number: best.number + 1 } } };
      say();
    }, 1000 / data.hurry);
  });
  say();
}
