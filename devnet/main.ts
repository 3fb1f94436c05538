/** `npm run devnet`: the local network alone. */
import { HELP, readOptions } from './options.ts';
import { runNetwork } from './run.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const options = readOptions(process.argv.slice(2), print);
if (options === 'help') print(HELP);
else await runNetwork(options, async () => undefined);
