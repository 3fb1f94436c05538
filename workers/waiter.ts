/**
 * Entry of the shared worker that waits for the lock of a tab that farms: browsers do not freeze a tab whose lock
 * somebody outside of it waits for.
 */
import { AWAKE_LOCK } from '../src/node/awake-lock.ts';

const scope = self as unknown as SharedWorkerGlobalScope;

scope.onconnect = () => void navigator.locks.request(AWAKE_LOCK, () => undefined);
