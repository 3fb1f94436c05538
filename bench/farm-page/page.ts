/** Lets the benchmarks of farming run in the browser, on a worker as the node of the app is. */
import type { FarmWorkName } from '../farm-work.ts';

/** Besides the work of one thread: the pace of all cores, with the graphics processor or without. */
export type FarmPageWork = FarmWorkName | 'pace' | 'pace.cores';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });

const page = {
  /** Does one kind of work once; resolves with its seconds by the clock. */
  work(what: FarmPageWork): Promise<number> {
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<number | string>) =>
        typeof data === 'number' ? resolve(data) : reject(new Error(data));
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(what);
    });
  },
};

export type FarmPage = typeof page;
Object.assign(globalThis, { farmPage: page });
