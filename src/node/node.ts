/**
 * The node: one light client, one farm, the person's choices. It runs wherever its platform does, page worker or
 * Node.js, and shows itself as one snapshot. Trouble becomes a cause with a sentence; the node goes on by itself
 * where it can.
 */
import type { ComputePool } from '../crypto/jobs.ts';
import { LightClient } from '../chain/light-client.ts';
import { Farm } from '../farm/farm.ts';
import { exportIdentity, importIdentity, loadOrCreateIdentity } from '../farm/identity.ts';
import type { FarmerIdentity } from '../farm/identity.ts';
import { createUlid } from '../farm/ulid.ts';
import { RpcSource } from '../network/source.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { decodeAddress, encodeAddress } from '../protocol/ss58.ts';
import type { FarmRecord } from '../storage/store.ts';
import type {
  AccountBalance,
  Cause,
  FarmView,
  MachineInfo,
  NetworkProbe,
  NodeSnapshot,
  Setup,
} from './api.ts';
import { accelerate } from './accelerate.ts';
import { readBalance } from './balance.ts';
import type { Desk } from './desk.ts';
import type { Money } from './money.ts';
import { causeOf, sentenceOf } from './causes.ts';
import type { RunnableNode } from './hub.ts';
import { Journal } from './journal.ts';
import { presetOf } from './networks.ts';
import type { NodePlatform } from './platform.ts';
import { probeEndpoint } from './probe.ts';
import { Timekeeper } from './timekeeper.ts';

const SETUP = 'setup';
/** Wait before a farm or chain that could not start is tried again. */
const RETRY_MS = 10_000;
const MACHINE_REFRESH_MS = 30_000;
/** Own blocks remembered as announced. */
const ANNOUNCED = 256;

/** What runs between `start` and `reset`. */
interface Running {
  pool: ComputePool;
  sources: RpcSource[];
  client: LightClient;
  /** Gives the graphics processor back. */
  slowDown: () => void;
}

export class AllotmentNode implements RunnableNode {
  private readonly journal: Journal;
  private readonly timekeeper: Timekeeper;
  private readonly listeners = new Set<() => void>();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private readonly announced = new Set<string>();
  private setup: Setup | null = null;
  private running: Running | null = null;
  private farm: Farm | null = null;
  private farmStarting = false;
  private farmCause: Cause | null = null;
  private identity: FarmerIdentity | null = null;
  private failure: Cause | null = null;
  private desk: Promise<Desk> | null = null;
  private moneyOpen: Promise<Money> | null = null;
  /** Raised whenever what runs is replaced, so that work begun before notices. */
  private generation = 0;

  private constructor(
    private readonly platform: NodePlatform,
    private machine: MachineInfo,
  ) {
    const changed = (): void => this.changed();
    this.journal = new Journal(platform.store, changed);
    this.timekeeper = new Timekeeper(platform.store, platform.openSocket, this.journal, changed);
  }

  /** The node of this platform; runs at once if it was set up before. Throws StorageError. */
  static async create(platform: NodePlatform): Promise<AllotmentNode> {
    const node = new AllotmentNode(platform, await platform.machine());
    node.refreshMachine();
    await node.timekeeper.resume();
    node.setup = await platform.store.setting<Setup>(SETUP);
    if (node.setup !== null) void node.run();
    return node;
  }

  onChange(changed: () => void): void {
    this.listeners.add(changed);
  }

  snapshot(): NodeSnapshot {
    return {
      role: 'leader',
      setup: this.setup,
      machine: this.machine,
      chain: this.running?.client.snapshot() ?? null,
      farm: this.farmView(),
      timekeeper: this.timekeeper.view(),
      notices: this.journal.notices,
      failure: this.failure,
    };
  }

  probe(endpoint: string): Promise<NetworkProbe> {
    return probeEndpoint(endpoint, this.platform.openSocket);
  }

  /** `remember`: whether the next run begins with these choices too. */
  async start(setup: Setup, remember = true): Promise<void> {
    checkSetup(setup);
    await this.halt();
    this.setup = setup;
    if (remember) await this.platform.store.putSetting(SETUP, setup);
    await this.run();
    if (this.failure !== null) throw new Error(this.failure.sentence);
  }

  async change(part: Partial<Setup>): Promise<void> {
    const before = this.requireSetup();
    const after = { ...before, ...part };
    checkSetup(after);
    if (part.network !== undefined) return this.start(after);
    this.setup = after;
    const { running } = this;
    if (running !== null) {
      if (after.cores !== before.cores) running.pool.resize(after.cores);
      running.client.setPotBudget(after.potBudget);
    }
    await this.changeFarm(after);
    await this.platform.store.putSetting(SETUP, after);
    this.changed();
  }

  async pauseFarm(): Promise<void> {
    this.farm?.pause();
  }

  async resumeFarm(): Promise<void> {
    if (this.farm === null) await this.startFarm();
    this.farm?.resume();
  }

  async scrub(): Promise<void> {
    if (this.farm === null) throw new Error('There is no farm to verify.');
    await this.farm.scrub();
  }

  async removeFarm(): Promise<void> {
    const setup = this.requireSetup();
    const { farm } = this;
    this.farm = null;
    if (farm !== null) await farm.remove();
    for (const { id } of await this.platform.store.farms()) await this.platform.store.removeFarm(id);
    this.setup = { ...setup, farm: null };
    await this.platform.store.putSetting(SETUP, this.setup);
    this.journal.notify('info', 'farm', 'The farm was removed.');
  }

  exportIdentity(): Promise<Uint8Array> {
    return exportIdentity(this.platform.store);
  }

  async importIdentity(identity: Uint8Array): Promise<void> {
    if (this.farm !== null)
      throw new Error('Remove the farm first: its sectors belong to the key that it was plotted with.');
    this.identity = await importIdentity(this.platform.store, identity);
    this.journal.notify('info', 'farm', 'The farmer’s key was replaced.');
    await this.startFarm();
  }

  async balance(address: string): Promise<AccountBalance> {
    const { running } = this;
    if (running === null) throw new Error('The chain is not being followed yet.');
    return readBalance(running.client, address);
  }

  async wallet(name: string, input?: unknown): Promise<unknown> {
    return (await this.openDesk()).walletCommand(name, input);
  }

  async identities(name: string, input?: unknown): Promise<unknown> {
    return (await this.openDesk()).identityCommand(name, input);
  }

  async money(name: string, input?: unknown): Promise<unknown> {
    return (await this.openMoney()).command(name, input);
  }

  /** What needs the verified chain and the wallet's keys together. Rejects before the network is known. */
  openMoney(): Promise<Money> {
    const { running, setup } = this;
    if (running === null || setup === null)
      return Promise.reject(new Error('The chain is not being followed yet.'));
    this.moneyOpen ??= import('./money.ts')
      .then(({ Money }) =>
        Money.open({
          client: running.client,
          store: this.platform.store,
          tokenSymbol: setup.network.tokenSymbol,
          signer: async (address) => (await this.openDesk()).wallet.signer(address),
          journal: this.journal,
        }),
      )
      .catch((error: unknown) => {
        this.moneyOpen = null;
        throw error;
      });
    return this.moneyOpen;
  }

  private openDesk(): Promise<Desk> {
    this.desk ??= import('./desk.ts')
      .then(({ Desk }) => Desk.open(this.platform, { network: 'off', registry: null }))
      .catch((error: unknown) => {
        this.desk = null;
        throw error;
      });
    return this.desk;
  }

  pairTimekeeper(port: number, code: string): Promise<void> {
    return this.timekeeper.pair(port, code);
  }

  async retryTimekeeper(): Promise<void> {
    this.timekeeper.retry();
  }

  forgetTimekeeper(): Promise<void> {
    return this.timekeeper.forget();
  }

  logs(): Promise<string[]> {
    return this.journal.lines();
  }

  async reset(): Promise<void> {
    const { farm, running } = this;
    const genesis = running?.client.snapshot().genesisHash ?? null;
    this.farm = null;
    if (farm !== null) await farm.remove();
    await this.halt();
    if (genesis !== null) await (await this.platform.openChainStore(genesis)).clear();
    await this.timekeeper.forget();
    await this.platform.store.clear();
    this.setup = null;
    this.failure = null;
    this.changed();
  }

  async stop(): Promise<void> {
    this.timekeeper.stop();
    await this.halt();
    for (const timer of this.timers) clearTimeout(timer);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  private requireSetup(): Setup {
    if (this.setup === null) throw new Error('Make the first-run choices first.');
    return this.setup;
  }

  /** Does `work` after a while, unless what runs was replaced meanwhile. */
  private later(ms: number, work: () => void): void {
    const { generation } = this;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (generation === this.generation) work();
    }, ms);
    this.timers.add(timer);
  }

  private refreshMachine(): void {
    const timer = setInterval(() => {
      this.platform.machine().then(
        (machine) => {
          this.machine = machine;
          this.changed();
        },
        () => undefined,
      );
    }, MACHINE_REFRESH_MS);
    this.timers.add(timer);
  }

  private async run(): Promise<void> {
    const { network, cores, potBudget } = this.requireSetup();
    const generation = ++this.generation;
    this.failure = null;
    this.changed();
    let pool: ComputePool | null = null;
    const sources: RpcSource[] = [];
    try {
      this.identity = await loadOrCreateIdentity(this.platform.store);
      pool = await this.platform.createPool(cores);
      for (const url of network.endpoints)
        sources.push(RpcSource.connect(url, { openSocket: this.platform.openSocket }));
      const preset = presetOf(network.id);
      const client = await LightClient.open({
        sources,
        pool,
        store: await this.platform.openChainStore(network.genesisHash ?? network.id),
        network: {
          genesisHash: network.genesisHash === null ? null : fromHex(network.genesisHash, 32),
          constants: preset?.constants ?? null,
          potExternalEntropy: preset?.potExternalEntropy ?? null,
        },
        potBudget,
        log: (line) => this.journal.log('info', line),
      });
      if (generation !== this.generation) {
        // Other choices were made while this one was being opened.
        await client.stop();
        await pool.close();
        return;
      }
      client.setOwnKey(toHex(this.identity.publicKey));
      const slowDown = accelerate(client, pool, this.platform, (line) => this.journal.log('info', line));
      this.running = { pool, sources, client, slowDown };
      client.onChange(() => this.onChain());
      this.timekeeper.serve(client);
      client.start();
    } catch (error) {
      for (const source of sources) source.close();
      await pool?.close();
      if (generation !== this.generation) return;
      this.failure = causeOf(error, 'Try again');
      this.journal.notify('error', 'node', sentenceOf(error));
      this.later(RETRY_MS, () => void this.run());
    }
    this.changed();
  }

  /** Stops chain and farm; nothing stored is lost. */
  private async halt(): Promise<void> {
    this.generation += 1;
    const { farm, running } = this;
    this.farm = null;
    this.running = null;
    this.farmCause = null;
    const { moneyOpen } = this;
    this.moneyOpen = null;
    await moneyOpen?.then((money) => money.close()).catch(() => undefined);
    this.timekeeper.serve(null);
    await farm?.stop();
    running?.slowDown();
    await running?.client.stop();
    await running?.pool.close();
  }

  private onChain(): void {
    const chain = this.running?.client.snapshot();
    if (chain !== undefined) {
      for (const block of chain.blocks) {
        // What was verified in an earlier run was announced in it.
        if (!block.own || block.pot === 'stored' || this.announced.has(block.hash)) continue;
        this.announced.add(block.hash);
        if (this.announced.size > ANNOUNCED)
          this.announced.delete(this.announced.values().next().value ?? '');
        this.journal.notify('success', 'reward', `Block ${block.number} is this farm’s own, and verified.`);
      }
      if (chain.phase === 'following' && this.farmCause === null) void this.startFarm();
      // What was signed in an earlier run is followed on.
      if (chain.best !== null && this.moneyOpen === null) this.openMoney().catch(() => undefined);
    }
    this.changed();
  }

  /** A farm starts only on a chain that is verified up to its head and has history to plot. */
  private async startFarm(): Promise<void> {
    const { running, setup, identity } = this;
    if (running === null || setup?.farm == null || identity === null) return;
    if (this.farm !== null || this.farmStarting) return;
    if (running.client.segmentCommitment(0n) === null) return;
    const { generation } = this;
    this.farmStarting = true;
    this.changed();
    try {
      const record = await this.farmRecord(setup.farm.allocatedBytes);
      const source = authoringSource(running.sources);
      const farm = await Farm.open({
        directory: await this.platform.openFarmDirectory(record),
        pool: running.pool,
        pieces: source.farmer,
        history: running.client,
        node: source.farmer,
        identity,
        rewardAddress: rewardAccount(setup, identity),
        allocatedBytes: setup.farm.allocatedBytes,
      });
      if (generation !== this.generation) return await farm.stop();
      this.farm = farm;
      this.farmCause = null;
      farm.onChange(() => this.changed());
      farm.onNotice(({ level, category, text }) => this.journal.notify(level, category, text));
      farm.start();
    } catch (error) {
      if (generation === this.generation) {
        this.farmCause = causeOf(error, 'Try again');
        this.journal.notify('error', 'farm', sentenceOf(error));
        this.later(RETRY_MS, () => {
          this.farmCause = null;
          void this.startFarm();
        });
      }
    } finally {
      this.farmStarting = false;
      this.changed();
    }
  }

  private async farmRecord(allocatedBytes: number): Promise<FarmRecord> {
    const { store, defaultFarm } = this.platform;
    const [known] = await store.farms();
    const record = { id: createUlid(), ...defaultFarm, ...known, allocatedBytes };
    await store.putFarm(record);
    return record;
  }

  private async changeFarm(setup: Setup): Promise<void> {
    const { farm, identity } = this;
    if (setup.farm === null) {
      this.farm = null;
      await farm?.stop();
    } else if (farm === null) {
      await this.startFarm();
    } else {
      await farm.setAllocation(setup.farm.allocatedBytes);
      if (identity !== null) farm.setRewardAddress(rewardAccount(setup, identity));
    }
  }

  private farmView(): FarmView | null {
    const { setup, identity, farm } = this;
    if (setup === null) return null;
    const rewardAddress =
      setup.farm?.rewardAddress ?? (identity === null ? null : encodeAddress(identity.publicKey));
    if (farm !== null) return { ...farm.snapshot(), rewardAddress };
    const off = setup.farm === null;
    return {
      phase: off ? 'off' : this.farmCause === null ? 'starting' : 'failed',
      cause: this.farmCause,
      publicKey: identity === null ? '' : toHex(identity.publicKey),
      rewardAddress,
      place: '',
      allocatedBytes: setup.farm?.allocatedBytes ?? 0,
      usedBytes: 0,
      piecesInSector: null,
      sectors: [],
      plotting: null,
      slots: { audited: 0, missed: 0, lastAuditMs: null, medianAuditMs: null },
      proofs: { made: 0, accepted: 0, late: 0, medianMs: null, deadlineMs: null },
      rewards: { blocks: 0, votes: 0 },
      history: [],
      sleep: null,
    };
  }
}

/** The node that solutions go to: the first that is connected, or the first named. */
function authoringSource(sources: readonly RpcSource[]): RpcSource {
  const source = sources.find(({ state }) => state === 'connected') ?? sources[0];
  if (source === undefined) throw new Error('No node was named to talk to.');
  return source;
}

function rewardAccount(setup: Setup, identity: FarmerIdentity): Uint8Array {
  const address = setup.farm?.rewardAddress ?? null;
  return address === null ? identity.publicKey : decodeAddress(address).account;
}

/** Refuses choices that cannot work, each with a sentence. */
function checkSetup(setup: Setup): void {
  if (setup.network.endpoints.length === 0) throw new Error('Name at least one node to talk to.');
  if (!Number.isInteger(setup.cores) || setup.cores < 1) throw new Error('Allow at least one core.');
  const address = setup.farm?.rewardAddress ?? null;
  if (address === null) return;
  try {
    decodeAddress(address);
  } catch (error) {
    throw new Error('The reward address is not an account address of this network: a character is wrong.', {
      cause: error,
    });
  }
}
