/** The commands of `npm run allotment`, what each takes, and the help that says so. */
import { parseOptions, type Takes } from './usage.ts';

export const HELP = `Usage: npm run allotment -- COMMAND [options]

Commands
  sync                follow and verify the chain
  farm                follow the chain, plot and farm
  status              say what is stored and what the chain's state is, then end
  balance ADDRESS     balance of an account, proven against the verified head
  get CID             file out of history, or folder as a zip file; takes a link, too. Interrupted, the same
                      command goes on
  agent …             act as an agent: agent --help
  cluster ROLE        be a member of a farming cluster: cluster --help
  export-identity F   write the farmer's key to the file F (identity.bin of the native farmer)
  add-farm DIR        add a farm in a folder, of --sectors or --size; farm plots it
  import-farm DIR     copy a farm of the native farmer into a new farm (--into DIR)
  export-farm DIR     write a farm (--farm ID) as files of the native farmer
  check-farm          verify every byte of every sector (--farm ID); --repair plots damaged ones again
  remove-farm ID      delete a farm and its sectors; --keep-files only forgets it

Options
  --network NAME      local, chronos, mainnet or custom (default: local, or what was chosen last)
  --endpoint URL      node to talk to, e.g. ws://127.0.0.1:9944; may be given several times
  --begin WHERE       genesis, samples, auto (by the chain's length) or a checkpoint; another than last
                      time forgets the verified chain (default: auto, or what was chosen last)
  --data DIR          where everything is kept (default: ~/.allotment)
  --cores N           cores to use (default: all)
  --sectors N         farm: sectors to plot (default: 1)
  --size BYTES        farm: space to give instead of a number of sectors
  --reward ADDRESS    farm: account that rewards are paid to (default: the farmer's own)
  --pot-checkpoints N verify N of a slot's 8 checkpoints, drawn at random, instead of all
  --farm ID           farm that a command is about (status names them; default: the first)
  --into DIR          import-farm: folder of the copy (default: beside the other farms)
  --helper PORT       verify and plot with the native helper on that port of this machine, from now on; its pairing
                      code is found, or given as PORT:CODE; off: with none
  --hours FROM-UNTIL  farm: plot only at these hours of the day, e.g. 22-7; any: always
  -o, --output FILE   get: file to write, - for standard output (default: the object's name)
  --peer ADDRESS      get: multiaddress of a peer to begin with; may be given several times
  --password TEXT     get: password of an encrypted file; asked for, or taken from ALLOTMENT_OBJECT_PASSWORD
  --range FROM-TO     get: only these bytes of a file, counted from 0, the last one included: 0-99, 100-, -100
  --unpack            get: a folder as a folder of files
  --indexer URL       get: index to ask where objects lie, besides the nodes; may be given several times
  --search            get: look through all of history where nobody knows it, up to 128 MiB a segment
  --until WHAT        sync, farm: end after head, block:NUMBER, plotted or won
  --help

Events go to standard output, one JSON object a line, what is for people to standard error. Exit codes: 0 done,
1 failed, 2 wrong usage.
`;

const OPTIONS = {
  network: { type: 'string' },
  endpoint: { type: 'string', multiple: true },
  data: { type: 'string' },
  begin: { type: 'string' },
  cores: { type: 'string' },
  sectors: { type: 'string' },
  size: { type: 'string' },
  reward: { type: 'string' },
  'pot-checkpoints': { type: 'string' },
  farm: { type: 'string' },
  into: { type: 'string' },
  repair: { type: 'boolean' },
  'keep-files': { type: 'boolean' },
  helper: { type: 'string' },
  hours: { type: 'string' },
  until: { type: 'string' },
  output: { type: 'string', short: 'o' },
  peer: { type: 'string', multiple: true },
  password: { type: 'string' },
  range: { type: 'string' },
  unpack: { type: 'boolean' },
  indexer: { type: 'string', multiple: true },
  search: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

type Option = keyof typeof OPTIONS;

export type Values = ReturnType<typeof parse>['values'];

/** Options and other words of a command line, this program's unless one is given. Throws UsageError. */
export function parse(args?: string[]) {
  return parseOptions(OPTIONS, args);
}

const CHAIN: Option[] = ['network', 'endpoint', 'begin', 'data', 'cores', 'pot-checkpoints', 'helper'];
const SPACE: Option[] = ['sectors', 'size'];

/** Commands by name; `agent` and `cluster` have command lines of their own. */
export const COMMANDS: ReadonlyMap<string, Takes<Option>> = new Map(
  Object.entries({
    sync: { arguments: 0, options: [...CHAIN, 'until'] },
    farm: { arguments: 0, options: [...CHAIN, ...SPACE, 'reward', 'hours', 'until'] },
    status: { arguments: 0, options: ['data', 'helper'] },
    balance: { arguments: 1, options: CHAIN },
    get: {
      arguments: 1,
      options: [...CHAIN, 'output', 'peer', 'password', 'range', 'unpack', 'indexer', 'search'],
    },
    'export-identity': { arguments: 1, options: ['data', 'farm'] },
    'add-farm': { arguments: 1, options: [...CHAIN, ...SPACE] },
    'import-farm': { arguments: 1, options: [...CHAIN, 'into'] },
    'export-farm': { arguments: 1, options: [...CHAIN, 'farm'] },
    'check-farm': { arguments: 0, options: [...CHAIN, 'farm', 'repair'] },
    'remove-farm': { arguments: 1, options: [...CHAIN, 'keep-files'] },
  }),
);
