/**
 * `npm run allotment -- COMMAND`: the node of the page under Node.js. Prints one JSON object a line on standard
 * output; what is for people goes to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage.
 */
import { unlessAborted } from '../async/unless-aborted.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import type { BeginSetup, NodeSnapshot, Setup } from '../node/api.ts';
import { AllotmentNode } from '../node/node.ts';
import { farmTotals } from '../node/farm-totals.ts';
import { ALWAYS, type Schedule } from '../node/schedule.ts';
import { createNodePlatform } from '../node/node-platform.ts';
import { networkChoices } from '../node/networks.ts';
import { asStorageError } from '../storage/node-errors.ts';
import { runAgent } from './agent.ts';
import { askUnseen } from './ask.ts';
import { untilFollowing } from './chain-wait.ts';
import { COMMANDS, HELP, parse, type Values } from './commands.ts';
import { failureOf } from './failure.ts';
import { farmCommand, requirePlaces } from './farms.ts';
import { useHelper } from './helper.ts';
import { print } from './output.ts';
import { Reporter } from './reporter.ts';
import { refuseExisting } from './save.ts';
import { endSignal } from './signals.ts';
import { StatusLine } from './status-line.ts';
import { accountOf, dataFolder, requireTaken, UsageError, wholeNumber } from './usage.ts';

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
        : { mode: 'sampled', checkpointsPerSlot: wholeNumber('pot-checkpoints', sampled, 8) },
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

/** Runs until the goal is reached or a signal ends it, which is a failure where there is a goal. */
async function follow(node: AllotmentNode, goal: Goal | null): Promise<void> {
  const reporter = new Reporter();
  const ending = endSignal('The program was told to end before what --until names.');
  await new Promise<void>((done, failed) => {
    const look = () => {
      const snapshot = node.snapshot();
      reporter.report(snapshot);
      if (goal?.(snapshot) === true) done();
    };
    node.onChange(look);
    ending.addEventListener('abort', () => (goal === null ? done() : failed(ending.reason as Error)));
    look();
  });
}

interface Started {
  status: StatusLine;
  /** Aborted when the program is told to end. */
  signal: AbortSignal;
}

/** Starts the node, saying so on standard error. `why`: what is said where a signal ends it. */
async function started(
  node: AllotmentNode,
  values: Values,
  why: string,
  farms: 'none' | 'as-before',
): Promise<Started> {
  const signal = endSignal(why);
  const status = new StatusLine();
  status.say('Starting');
  const setup = await unlessAborted(signal, setupOf(node, values, farms));
  await unlessAborted(signal, node.start(setup, farms !== 'none'));
  return { status, signal };
}

/** The same, and waits for the verified head, saying how far it is. */
async function followed(
  node: AllotmentNode,
  values: Values,
  why = 'The program was told to end.',
  farms: 'none' | 'as-before' = 'none',
): Promise<Started> {
  const { status, signal } = await started(node, values, why, farms);
  await untilFollowing(node, status, signal);
  return { status, signal };
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
  const { values, positionals } = parse();
  const [command, argument] = positionals;
  if (values.help === true || command === undefined) {
    process.stdout.write(HELP);
    return;
  }
  const takes = COMMANDS.get(command);
  if (takes === undefined) throw new UsageError(`there is no command “${command}”`);
  requireTaken(command, values, positionals.slice(1), takes);
  const goal = goalOf(values.until);
  if (values.reward !== undefined) accountOf(values.reward);
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
      case 'balance': {
        if (argument === undefined) throw new UsageError('balance takes an address');
        accountOf(argument);
        const { status, signal } = await followed(node, values);
        status.say('Asking for the proof of the balance');
        const found = await unlessAborted(signal, node.balance(argument));
        print('balance', { ...found, token: node.snapshot().notation.token });
        break;
      }
      case 'get': {
        if (argument === undefined) throw new UsageError('get takes the identifier of an object, or a link');
        const { parseLink, requireGettable } = await import('./get-options.ts');
        const { getObject } = await import('./get.ts');
        parseLink(argument);
        await requireGettable(values, values.peer, values.indexer);
        const { status, signal } = await followed(
          node,
          values,
          'The retrieval was stopped. The same command goes on.',
        );
        const { output, range, unpack, password = process.env['ALLOTMENT_OBJECT_PASSWORD'] } = values;
        status.say('Looking for peers of the storage network');
        const desk = await unlessAborted(signal, node.openObjects(values.peer));
        if (values.indexer !== undefined) await desk.setIndexers({ addresses: values.indexer });
        const { search } = values;
        const choices = { output, password, range, unpack, search, ask: askUnseen, signal, status };
        const got = await getObject(desk, argument, choices);
        if (got.file !== '-') print('object', { ...got });
        break;
      }
      case 'export-identity': {
        if (argument === undefined) throw new UsageError('export-identity takes a file');
        const { writeFile } = await import('node:fs/promises');
        await refuseExisting(argument, 'name another file');
        await writeFile(argument, await node.exportIdentity(values.farm), { mode: 0o600, flag: 'wx' });
        print('exported', { file: argument });
        break;
      }
      default: {
        const run = farmCommand(command, argument, values, () =>
          spaceOf(node, values, node.snapshot().setup?.network.endpoints[0] ?? '', null),
        );
        await requirePlaces(node, command, argument, values);
        // Whether there is such a farm needs no chain.
        const begin = command === 'remove-farm' ? started : followed;
        const { signal } = await begin(node, values, 'The program was told to end.', 'as-before');
        await unlessAborted(signal, run(node));
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

// Whoever reads may have read enough: `| head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  const { sentence } = asStorageError(error, 'what standard output goes to');
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
});

try {
  await main();
  // Sockets that are still closing must not hold the process.
  process.exit(0);
} catch (error) {
  const [first = ''] = process.argv.slice(2);
  const { code, text } = failureOf(error, ['agent', 'cluster'].includes(first) ? `${first} ` : '');
  process.stderr.write(`${text}\n`);
  process.exit(code);
}
