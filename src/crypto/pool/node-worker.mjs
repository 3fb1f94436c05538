// Threads do not inherit the loader that lets Node.js run TypeScript.
import { register } from 'tsx/esm/api';

register();
await import('./node-worker.ts');
