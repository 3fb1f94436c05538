/** Entry of the node worker: one a tab. All logic is in `src/node`. */
import * as Comlink from 'comlink';
import { exposeNode } from '../src/node/expose.ts';

Comlink.expose(exposeNode());
