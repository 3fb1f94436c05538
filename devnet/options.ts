/** Command-line options of the local network. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keptPairingCode } from '../src/network/helper-code-node.ts';
import type { TimeSource } from './walker.ts';
import { DEFAULT_NODE_OPTIONS, DEFAULT_PARAMS, type NetworkParams, type NodeOptions } from './config.ts';

export interface StartOptions {
  params: NetworkParams;
  node: NodeOptions;
  /** Port of the app. */
  appPort: number;
  open: boolean;
  /** Port of the NATS server to start; null for none. */
  natsPort: number | null;
}

export const HELP = `Options:
  --data DIR             folder of chain, keys and farm (default ~/.allotment/devnet)
  --reset                forget the network in that folder and begin anew
  --port N               RPC port on 127.0.0.1 (default 9944)
  --domain-port N        RPC port of the Auto ID domain on 127.0.0.1 (default: the one after --port)
  --dsn-port N           TCP port of the storage network's peer on 127.0.0.1, the next one for WebSocket
                         (default 30433)
  --node-port N          WebSocket port on 127.0.0.1 of the node as a peer (default 30333)
  --allow-origin URL     page from elsewhere that may use the RPC; can be repeated
  --forks                now and then author two competing blocks
  --empty                begin with the genesis block alone, without sample objects
  --no-fill              do not fill the segment that an uploaded object waits in
  --own-sectors N        sectors of the network's own farmer, 0 for none (default 1)
  --farm-threads N       threads of the network's own farmer (default 1)
  --timekeeper WHAT      who walks proofs of time: own (default), helper to start the native helper, which must be
                         built, or the address of a running one such as ws://127.0.0.1:9955
  --timekeeper-code CODE pairing code of that running one (default: the one kept in the home folder)
  --quiet                print no blocks
  --cluster              start a NATS server for a farming cluster as well, see docs/cluster.md
  --nats-port N          its port on 127.0.0.1, the next one for browsers (default 4222)

  Constants of the chain; other than the defaults they make another genesis, which wants a folder of its own
  (--data), has no sample objects, and whose first segment takes minutes to compute at the first start:
  --slot-duration MS     default 2000
  --authoring-delay N    slots, default 4, 8 at most
  --era N                blocks, default 20
  --depth N              blocks until one is final and archived, default 10
  --pieces-in-sector N   default 4
  --pot-iterations N     AES iterations of a slot, default 131072

  For npm start:
  --app-port N           port of the app on 127.0.0.1, or the next free one (default 4173)
  --no-open              do not open the browser
`;

type PortOption = 'port' | 'domain-port' | 'dsn-port' | 'node-port' | 'app-port' | 'nats-port';
const LAST_PORT = 65_535;
/** Times the nominal delay that farmers are told to try: by then a busy machine's slots were that much longer. */
const PATIENCE = 4;

/** Reads the command line. Throws TypeError or RangeError with a message for the person. */
export function readOptions(args: string[], log: (line: string) => void): StartOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: 'string' },
      reset: { type: 'boolean', default: false },
      port: { type: 'string' },
      'domain-port': { type: 'string' },
      'dsn-port': { type: 'string' },
      'node-port': { type: 'string' },
      'allow-origin': { type: 'string', multiple: true },
      forks: { type: 'boolean', default: false },
      empty: { type: 'boolean', default: false },
      'no-fill': { type: 'boolean', default: false },
      'own-sectors': { type: 'string' },
      'farm-threads': { type: 'string' },
      timekeeper: { type: 'string', default: 'own' },
      'timekeeper-code': { type: 'string' },
      quiet: { type: 'boolean', default: false },
      'slot-duration': { type: 'string' },
      'authoring-delay': { type: 'string' },
      era: { type: 'string' },
      depth: { type: 'string' },
      'pieces-in-sector': { type: 'string' },
      'pot-iterations': { type: 'string' },
      'app-port': { type: 'string' },
      'no-open': { type: 'boolean', default: false },
      cluster: { type: 'boolean', default: false },
      'nats-port': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const number = (name: keyof typeof values, otherwise: number): number => {
    const text = values[name];
    if (text === undefined) return otherwise;
    if (typeof text !== 'string' || !/^\d{1,10}$/.test(text))
      throw new RangeError(`--${name} takes a number`);
    return Number(text);
  };
  const port = (name: PortOption, otherwise: number): number => {
    const value = number(name, otherwise);
    if (value > LAST_PORT) throw new RangeError(`--${name} takes a number up to ${LAST_PORT}`);
    return value;
  };
  const dataDir = values.data ?? join(homedir(), '.allotment', 'devnet');
  const dsnPort = port('dsn-port', 30_433);
  const maxPiecesInSector = number('pieces-in-sector', DEFAULT_PARAMS.maxPiecesInSector);
  const slotDurationMs = number('slot-duration', DEFAULT_PARAMS.slotDurationMs);
  const blockAuthoringDelay = number('authoring-delay', DEFAULT_PARAMS.blockAuthoringDelay);
  const ownSectors = number('own-sectors', DEFAULT_NODE_OPTIONS.ownSectors);
  return {
    params: {
      ...DEFAULT_PARAMS,
      slotDurationMs,
      blockAuthoringDelay,
      eraDurationInBlocks: number('era', DEFAULT_PARAMS.eraDurationInBlocks),
      confirmationDepthK: number('depth', DEFAULT_PARAMS.confirmationDepthK),
      maxPiecesInSector,
      initialPieces: BigInt(maxPiecesInSector),
      potSlotIterations: number('pot-iterations', DEFAULT_PARAMS.potSlotIterations),
    },
    node: {
      ...DEFAULT_NODE_OPTIONS,
      dataDir,
      reset: values.reset,
      rpcPort: port('port', DEFAULT_NODE_OPTIONS.rpcPort),
      ...(values['domain-port'] === undefined ? {} : { domainPort: port('domain-port', 0) }),
      dsn: { tcpPort: dsnPort, webSocketPort: dsnPort === 0 ? 0 : dsnPort + 1 },
      nodePort: port('node-port', 30_333),
      rpcOrigins: values['allow-origin'] ?? [],
      forks: values.forks,
      prepared: !values.empty,
      fills: !values['no-fill'],
      ownSectors,
      // On a busy machine time waits for the own farmer, and with it for everybody.
      ...(ownSectors === 0 ? {} : { farmingTimeoutMs: PATIENCE * slotDurationMs * blockAuthoringDelay }),
      farmThreads: number('farm-threads', DEFAULT_NODE_OPTIONS.farmThreads),
      timeSource: readTimeSource(values.timekeeper, values['timekeeper-code']),
      log: values.quiet ? () => undefined : log,
    },
    appPort: port('app-port', 4173),
    open: !values['no-open'],
    natsPort: values.cluster ? port('nats-port', 4222) : null,
  };
}

function readTimeSource(what: string, code: string | undefined): TimeSource {
  if (what === 'own' || what === 'helper') return what;
  if (!/^ws:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}\/?$/.test(what))
    throw new RangeError('--timekeeper takes own, helper, or an address like ws://127.0.0.1:9955');
  const known = code ?? keptPairingCode();
  if (known === null)
    throw new RangeError('--timekeeper-code is needed: no helper left its code on this machine');
  return { url: what, code: known };
}
