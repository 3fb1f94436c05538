/** `npm run devnet`: the local network alone. */
import { commandLineOptions, runNetwork } from './run.ts';

await runNetwork(commandLineOptions(), async () => async () => undefined);
