import { parentPort } from 'node:worker_threads';
import { walkSlot } from './walk.ts';

const port = parentPort;
if (port === null) throw new Error('to be started as a thread of the timekeeper');
port.on('message', ({ id, seed, iterations }: { id: number; seed: Uint8Array; iterations: number }) => {
  port.postMessage({ id, checkpoints: walkSlot(seed, iterations) });
});
