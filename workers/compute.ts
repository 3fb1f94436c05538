import { serveJobs } from '../src/crypto/pool/serve.ts';
import { webWorkerScope } from '../src/crypto/pool/web-scope.ts';

serveJobs(webWorkerScope(self as unknown as DedicatedWorkerGlobalScope));
