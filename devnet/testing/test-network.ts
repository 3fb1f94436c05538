/** A local network inside a test: fast parameters, slots that wait for the farmer, one small sector. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { unlessAborted } from '../../src/async/unless-aborted.ts';
import { Wakeup } from '../../src/async/wakeup.ts';
import type { Block } from '../chain.ts';
import { DEFAULT_NODE_OPTIONS, FAST_PARAMS, type NodeOptions } from '../config.ts';
import { LocalNetwork } from '../network.ts';
import { TestFarmer } from './test-farmer.ts';

/** The shortest slot, in milliseconds. */
const SLOT_MS = 3;

/**
 * A running network whose slots wait until its farmer is done with the one before, and until a test wants a block
 * higher than the best.
 */
export class TestNetwork {
  private busy: Promise<unknown> = Promise.resolve();
  private target = 0;
  private slotMs: number | null = null;
  private readonly wakeup = new Wakeup();
  readonly lines: string[] = [];

  private constructor(
    readonly folder: string,
    readonly farmer: TestFarmer,
    private running: LocalNetwork | null,
  ) {}

  /** Starts a network from its genesis in a folder of its own. */
  static async start(options: Partial<NodeOptions> = {}): Promise<TestNetwork> {
    const folder = mkdtempSync(join(tmpdir(), 'allotment-devnet-'));
    const test = new TestNetwork(folder, await TestFarmer.create(), null);
    await test.run(options);
    return test;
  }

  private async run(options: Partial<NodeOptions>): Promise<void> {
    const network = await LocalNetwork.start(FAST_PARAMS, {
      ...DEFAULT_NODE_OPTIONS,
      rpcPort: 0,
      ownSectors: 0,
      dataDir: this.folder,
      log: (line) => this.lines.push(line),
      pace: async (signal) => {
        await setTimeout(this.slotMs ?? SLOT_MS, undefined, { signal }).catch(() => undefined);
        if (this.slotMs === null) await this.busy;
        while (!signal.aborted && this.isReached())
          await unlessAborted(signal, this.wakeup.wait(null)).catch(() => undefined);
      },
      ...options,
    });
    this.running = network;
    const { hub } = network;
    hub.onSlot((slot) => {
      this.busy = this.busy.then(async () => {
        for (const solution of await this.farmer.solve(slot)) hub.submit(slot.slotNumber, solution);
      });
    });
    hub.onRewardSigning(({ hash }) => hub.submitSignature(hash, this.farmer.identity.signReward(hash)));
  }

  /** Whether no block is wanted at the moment. */
  private isReached(): boolean {
    return this.slotMs === null && this.running !== null && this.running.chain.best.number >= this.target;
  }

  /** From now on a slot comes every so many milliseconds, whether a block is wanted or not. */
  letRun(slotMs: number): void {
    this.slotMs = slotMs;
    this.wakeup.wake();
  }

  get network(): LocalNetwork {
    if (this.running === null) throw new Error('the network is stopped');
    return this.running;
  }

  /** Lets the network go on to a block of at least this number; returns the first such that is best. */
  reach(number: number): Promise<Block> {
    const { chain } = this.network;
    this.target = Math.max(this.target, number);
    this.wakeup.wake();
    if (chain.best.number >= number) return Promise.resolve(chain.best);
    return new Promise((resolve) => {
      const off = chain.on('best', (block) => {
        if (block.number < number) return;
        off();
        resolve(block);
      });
    });
  }

  async stop(): Promise<void> {
    await this.running?.stop();
    this.running = null;
    await this.busy;
  }

  /** Stops the network and starts it again from its folder. */
  async restart(options: Partial<NodeOptions> = {}): Promise<void> {
    await this.stop();
    await this.run(options);
  }

  /** Stops the network and removes its folder. */
  async remove(): Promise<void> {
    await this.stop();
    await this.farmer.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
