/**
 * `npm run allotment -- COMMAND`: the node of the page under Node.js. Prints one JSON object a line on standard
 * output; what is for people goes to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage.
 */
import { bytesOfSectors } from '../farm/sectors.ts';
import { explained } from '../node/causes.ts';
import type { BeginSetup, FarmView, NodeSnapshot, Setup } from '../node/api.ts';
import { AllotmentNode } from '../node/node.ts';
import { farmTotals } from '../node/farm-totals.ts';
import { ALWAYS, type Schedule } from '../node/schedule.ts';
import { createNodePlatform } from '../node/node-platform.ts';
import { networkChoices } from '../node/networks.ts';
import { AGENT_HELP, runAgent } from './agent.ts';
import { askUnseen } from './ask.ts';
import { CLUSTER_HELP } from './cluster-options.ts';
import { FARM_COMMANDS, farmCommand } from './farms.ts';
import { useHelper } from './helper.ts';
import { print } from './output.ts';
import { endSignal } from './signals.ts';
import { dataFolder, parseOptions, UsageError, wholeNumber } from './usage.ts';

const HELP = `Usage: npm run allotment -- COMMAND [options]

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
  add-farm DIR        add a farm in a folder, of --sectors or --size, and farm
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
  --until WHAT        end after: head, block:NUMBER, plotted, won
  --help
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

type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>['values'];

/** The choices that the options make, over those of the last run. */
async function setupOf(
  node: AllotmentNode,
  values: Values,
  farms: 'none' | 'first' | 'as-before',
): Promise<Setup> {
  const { setup: last, machine } = node.snapshot();
  const id = values.network ?? last?.network.id ?? 'local';
  const offer = networkChoices.find((choice) => choice.id === id);
  if (offer === undefined) throw new UsageError(`there is no network “${id}”`);
  const { description: _, ...preset } = offer;
  const network = last !== null && last.network.id === id ? last.network : preset;
  const endpoints = values.endpoint ?? network.endpoints;
  const sampled = values['pot-checkpoints'];
  const setup: Setup = {
    network: { ...network, endpoints },
    begin: values.begin === undefined ? (last?.begin ?? { kind: 'auto' }) : beginOf(values.begin),
    farm: farms === 'as-before' ? (last?.farm ?? { allocatedBytes: 0, rewardAddress: null }) : null,
    schedule: scheduleOf(values.hours) ?? last?.schedule,
    cores: values.cores === undefined ? (last?.cores ?? machine.cores) : wholeNumber('cores', values.cores),
    potBudget:
      sampled === undefined
        ? (last?.potBudget ?? { mode: 'full' })
        : { mode: 'sampled', checkpointsPerSlot: wholeNumber('pot-checkpoints', sampled) },
  };
  if (farms === 'first') {
    const allocatedBytes = await spaceOf(node, values, endpoints[0] ?? '', last);
    setup.farm = { allocatedBytes, rewardAddress: values.reward ?? last?.farm?.rewardAddress ?? null };
  }
  return setup;
}

function beginOf(text: string): BeginSetup {
  if (text === 'auto' || text === 'genesis') return { kind: text };
  return text === 'samples' ? { kind: 'examine' } : { kind: 'checkpoint', text };
}

function scheduleOf(hours: string | undefined): Schedule | undefined {
  if (hours === undefined) return undefined;
  if (hours === 'any') return ALWAYS;
  const match = /^(\d{1,2})-(\d{1,2})$/.exec(hours);
  const range: [number, number] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || range.some((hour) => hour > 23))
    throw new UsageError('--hours takes two hours of the day, such as 22-7, or any');
  return { ...ALWAYS, hours: range };
}

async function spaceOf(
  node: AllotmentNode,
  values: Values,
  endpoint: string,
  last: Setup | null,
): Promise<number> {
  if (values.size !== undefined) return wholeNumber('size', values.size);
  if (values.sectors === undefined && last?.farm != null) return last.farm.allocatedBytes;
  const probe = await node.probe(endpoint);
  if (probe.maxPiecesInSector === null)
    throw new Error(probe.error ?? `The node at ${endpoint} does not serve farmers.`);
  const sectors = wholeNumber('sectors', values.sectors ?? '1');
  return bytesOfSectors(sectors, probe.maxPiecesInSector);
}

type Goal = (snapshot: NodeSnapshot) => boolean;

function goalOf(until: string | undefined): Goal | null {
  if (until === undefined) return null;
  if (until === 'head') return ({ chain }) => chain?.phase === 'following';
  if (until === 'plotted') return ({ farms }) => farmTotals(farms).phase === 'farming';
  if (until === 'won') return ({ chain }) => chain?.blocks.some(({ own }) => own) ?? false;
  const number = /^block:(\d+)$/.exec(until)?.[1];
  if (number === undefined) throw new UsageError('--until takes head, block:NUMBER, plotted or won');
  return ({ chain }) => (chain?.best?.number ?? 0) >= Number(number);
}

/** Reports changes as events: blocks, refusals, notices, sectors, slots, phases. */
class Reporter {
  private best = -1;
  private phases = '';
  private readonly seen = new Set<string>();

  report({ chain, farms, notices, failure }: NodeSnapshot): void {
    const farm = farmTotals(farms);
    const phases = `${chain?.phase ?? 'offline'} ${farm.phase}`;
    if (phases !== this.phases) {
      this.phases = phases;
      const cause = failure ?? chain?.cause ?? farm.cause;
      print('phase', {
        chain: chain?.phase ?? 'offline',
        farm: farm.phase,
        cause: cause?.sentence,
      });
    }
    if (chain?.best != null && chain.best.number !== this.best) {
      this.best = chain.best.number;
      const { finalized, target, headersPerSecond } = chain;
      print('head', { ...chain.best, finalized: finalized?.number ?? 0, target, headersPerSecond });
    }
    const begun = chain?.beginning ?? null;
    if (begun !== null) this.once(`g${JSON.stringify(begun)}`, () => print('begun', begun));
    for (const refusal of chain?.refusals.toReversed() ?? []) {
      this.once(`r${refusal.at}${refusal.hash}`, () => print('refusal', { ...refusal }));
    }
    for (const block of chain?.blocks.filter(({ own }) => own).toReversed() ?? []) {
      this.once(`b${block.hash}`, () => print('won', { number: block.number, hash: block.hash }));
    }
    for (const each of farms) this.reportFarm(each);
    for (const notice of notices.toReversed()) {
      this.once(`n${notice.id}`, () =>
        process.stderr.write(`${new Date(notice.at).toISOString()} ${notice.text}\n`),
      );
    }
  }

  private reportFarm({ id, history, sectors }: FarmView): void {
    for (const outcome of history.toReversed()) {
      this.once(`s${id}${outcome.slot}${outcome.outcome}${outcome.at}`, () =>
        print('slot', { farm: id, ...outcome }),
      );
    }
    for (const { index, state, historySize, error } of sectors) {
      this.once(`p${id}${index}${state}${historySize}`, () =>
        print('sector', { farm: id, index, state, error }),
      );
    }
  }

  private once(key: string, say: () => void): void {
    if (this.seen.has(key)) return;
    this.seen.add(key);
    say();
  }
}

/** Runs until the goal is reached or a signal ends it. */
async function follow(node: AllotmentNode, goal: Goal | null): Promise<void> {
  const reporter = new Reporter();
  await new Promise<void>((done) => {
    const look = () => {
      const snapshot = node.snapshot();
      reporter.report(snapshot);
      if (goal?.(snapshot) === true) done();
    };
    node.onChange(look);
    endSignal('The program was told to end.').addEventListener('abort', () => done());
    look();
  });
}

/** Waits for the verified head, saying on standard error how far it is. */
async function followQuietly(node: AllotmentNode): Promise<void> {
  await new Promise<void>((done) => {
    let shown = '';
    const look = (): void => {
      const { chain, failure } = node.snapshot();
      const line =
        failure?.sentence ?? chain?.cause?.sentence ?? `verified up to block ${chain?.best?.number ?? 0}`;
      if (line !== shown) process.stderr.write(`\r${line} `);
      shown = line;
      if (chain?.phase !== 'following') return;
      process.stderr.write('\n');
      done();
    };
    node.onChange(look);
    look();
  });
}

async function main(): Promise<void> {
  if (process.argv[2] === 'agent') {
    process.stdout.write(await runAgent(process.argv.slice(3)));
    return;
  }
  if (process.argv[2] === 'cluster') {
    const { runCluster } = await import('./cluster.ts');
    return runCluster(process.argv.slice(3));
  }
  const { values, positionals } = parseOptions(OPTIONS);
  const [command, argument] = positionals;
  if (values.help === true || command === undefined) {
    process.stdout.write(HELP);
    return;
  }
  if (!['sync', 'farm', 'status', 'balance', 'get', 'export-identity', ...FARM_COMMANDS].includes(command))
    throw new UsageError(`there is no command “${command}”`);
  const goal = goalOf(values.until);
  const folder = dataFolder(values.data);
  const node = await AllotmentNode.create(await createNodePlatform(folder));
  try {
    await useHelper(node, values.helper);
    switch (command) {
      case 'sync':
      case 'farm':
        // Following the chain for once does not make the next run forget the farm.
        await node.start(
          await setupOf(node, values, command === 'farm' ? 'first' : 'none'),
          command === 'farm' || node.snapshot().setup?.farm == null,
        );
        await follow(node, goal);
        break;
      case 'status':
        if (node.snapshot().setup !== null) await settled(node);
        print('status', { ...node.snapshot() });
        break;
      case 'balance':
        if (argument === undefined) throw new UsageError('balance takes an address');
        await node.start(await setupOf(node, values, 'none'), false);
        await follow(node, (snapshot) => snapshot.chain?.phase === 'following');
        print('balance', { ...(await node.balance(argument)) });
        break;
      case 'get': {
        if (argument === undefined) throw new UsageError('get takes the identifier of an object, or a link');
        const { getObject } = await import('./get.ts');
        await node.start(await setupOf(node, values, 'none'), false);
        await followQuietly(node);
        const signal = endSignal('The retrieval was stopped. The same command goes on.');
        const { output, range, unpack, password = process.env['ALLOTMENT_OBJECT_PASSWORD'] } = values;
        const desk = await node.openObjects(values.peer);
        if (values.indexer !== undefined) await desk.setIndexers({ addresses: values.indexer });
        const { search } = values;
        const choices = { output, password, range, unpack, search, ask: askUnseen, signal };
        const got = await getObject(desk, argument, choices);
        if (got.file !== '-') print('object', { ...got });
        break;
      }
      case 'export-identity': {
        if (argument === undefined) throw new UsageError('export-identity takes a file');
        const { writeFile } = await import('node:fs/promises');
        await writeFile(argument, await node.exportIdentity(values.farm), { mode: 0o600, flag: 'wx' });
        break;
      }
      default: {
        const run = farmCommand(command, argument, values, () =>
          spaceOf(node, values, node.snapshot().setup?.network.endpoints[0] ?? '', null),
        );
        await node.start(await setupOf(node, values, 'as-before'));
        await run(node);
      }
    }
  } finally {
    await node.stop();
  }
}

/** Waits until the chain has answered or has been shown not to, five seconds at most. */
async function settled(node: AllotmentNode): Promise<void> {
  await new Promise<void>((done) => {
    const timer = setTimeout(done, 5_000);
    node.onChange(() => {
      if (node.snapshot().chain?.phase !== 'following') return;
      clearTimeout(timer);
      done();
    });
  });
}

/** How the commands of that name are used. */
function helpOf(name: string | undefined): string {
  if (name === 'agent') return AGENT_HELP;
  return name === 'cluster' ? CLUSTER_HELP : HELP;
}

try {
  await main();
  // Sockets that are still closing must not hold the process.
  process.exit(0);
} catch (error) {
  if (error instanceof UsageError) process.stderr.write(`${error.message}\n\n${helpOf(process.argv[2])}`);
  else process.stderr.write(`${explained(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
