/** Lets the benchmarks of objects run in the browser, on a worker as the node of the app is. */
import * as Comlink from 'comlink';
import type { ObjectsWork } from './worker.ts';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const page = Comlink.wrap<ObjectsWork>(worker);

export type ObjectsPage = Pick<typeof page, keyof ObjectsWork>;
Object.assign(globalThis, { objectsPage: page });
