import { parentPort } from 'node:worker_threads';
import type { ToWorker } from './messages.ts';
import { serveJobs } from './serve.ts';

const port = parentPort;
if (port === null) throw new Error('to be started as a thread of the compute pool');
serveJobs({
  post: (message, transfer) => port.postMessage(message, transfer),
  listen: (listener) => void port.on('message', (message: ToWorker) => listener(message)),
});
