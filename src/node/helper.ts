/**
 * The person's own native helper: paired once, used to verify time and to plot while it is there, and done without while
 * it is gone. The pairing code stays in the store and goes to the helper only.
 */
import type { LightClient } from '../chain/light-client.ts';
import { HelperClient } from '../network/helper-client.ts';
import { HELPER_PORT } from '../network/helper-link.ts';
import type { HelperInfo } from '../network/helper-messages.ts';
import { HelperPlotter } from '../network/helper-plotter.ts';
import type { OpenSocket } from '../network/socket.ts';
import type { NodeStore } from '../storage/store.ts';
import { causeOf, type Cause } from './causes.ts';
import { NodeError } from './errors.ts';
import { HelperPlotting } from './helper-plotting.ts';
import type { Journal } from './journal.ts';

export interface HelperView {
  /** `off`: none is paired; `waiting`: it is gone and looked for; `stopped`: it is not used until told again. */
  phase: 'off' | 'connecting' | 'ready' | 'waiting' | 'stopped';
  port: number;
  /** What the helper says of itself; reported. */
  info: HelperInfo | null;
  /** Whether it is to plot too, where it can. */
  plots: boolean;
  /** Why it is not used. */
  cause: Cause | null;
}

/** Nothing is paired. */
export const NO_HELPER: HelperView = {
  phase: 'off',
  port: HELPER_PORT,
  info: null,
  plots: true,
  cause: null,
};

interface Pairing {
  port: number;
  code: string;
  plots: boolean;
}

const SETTING = 'helper';
/** Codes are 32 hexadecimal digits; people copy them with spaces around. */
const CODE = /^[0-9a-f]{32}$/;

type Chain = Pick<LightClient, 'usePotHelper'>;

export class PairedHelper {
  readonly plotting: HelperPlotting;
  private pairing: Pairing | null = null;
  private client: HelperClient | null = null;
  private plotter: HelperPlotter | null = null;
  private chain: Chain | null = null;
  private cause: Cause | null = null;
  /** Whether the client was ready when it was last looked at. */
  private ready = false;

  constructor(
    private readonly store: NodeStore,
    private readonly openSocket: OpenSocket,
    private readonly journal: Journal,
    private readonly changed: () => void,
  ) {
    this.plotting = new HelperPlotting(journal);
  }

  /** Connects to the helper that was paired before, if there is one. Throws StorageError. */
  async resume(): Promise<void> {
    const pairing = await this.store.setting<Pairing>(SETTING);
    if (pairing !== null) this.use(pairing, this.connect(pairing));
  }

  /**
   * Pairs with the helper on a port of this machine and uses it from now on, instead of one paired before.
   *
   * @throws NodeError `choice` for what is no port or code; HelperError when nothing answers, something else answers, or the code is wrong; an earlier pairing stays.
   */
  async pair(port: number, code: string): Promise<void> {
    const pairing = { port, code: code.trim().toLowerCase(), plots: this.pairing?.plots ?? true };
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new NodeError(
        'choice',
        'A port is a number from 1 to 65535; the helper prints its own when it starts.',
      );
    if (!CODE.test(pairing.code))
      throw new NodeError(
        'choice',
        'A pairing code has 32 digits and letters from a to f; the helper prints it when it starts.',
      );
    const client = this.connect(pairing);
    try {
      await settled(client);
      await this.store.putSetting(SETTING, pairing);
    } catch (error) {
      client.close();
      throw error;
    }
    this.use(pairing, client);
    this.journal.notify('success', 'chain', `The helper on port ${port} is used now.`);
  }

  /** Tries a helper again that was put off. */
  retry(): void {
    if (this.pairing !== null) this.use(this.pairing, this.connect(this.pairing));
  }

  /** Lets the helper plot, or only keep time. Throws StorageError. */
  async setPlots(plots: boolean): Promise<void> {
    if (this.pairing === null) return;
    this.pairing = { ...this.pairing, plots };
    await this.store.putSetting(SETTING, this.pairing);
    this.lend();
    this.changed();
  }

  /** Forgets the helper and its code. Throws StorageError. */
  async forget(): Promise<void> {
    this.stop();
    this.pairing = null;
    await this.store.putSetting(SETTING, null);
    this.changed();
  }

  /** Lets the helper verify for a chain; null: there is none now. */
  serve(chain: Chain | null): void {
    this.chain = chain;
    this.offer();
  }

  view(): HelperView {
    const { client, pairing } = this;
    if (client === null || pairing === null) return NO_HELPER;
    const { port, plots } = pairing;
    return { phase: client.state, port, info: client.info, plots, cause: this.cause };
  }

  /** Ends the connection; the pairing stays. */
  stop(): void {
    const { client } = this;
    this.client = null;
    client?.close();
    this.ready = false;
    this.offer();
    this.lend();
  }

  private connect({ port, code }: Pairing): HelperClient {
    return new HelperClient({ openSocket: this.openSocket, port, code });
  }

  private use(pairing: Pairing, client: HelperClient): void {
    this.stop();
    this.pairing = pairing;
    this.client = client;
    client.onChange(() => {
      if (this.client === client) this.look();
    });
    this.look();
  }

  private look(): void {
    const { client, ready } = this;
    const reason = client?.reason ?? null;
    if (reason === null) this.cause = null;
    else if (this.cause?.code !== reason.code)
      this.cause = causeOf(reason, client?.state === 'stopped' ? 'Try again' : null);
    this.ready = client?.state === 'ready';
    if (ready && !this.ready && reason !== null) {
      this.journal.log('warning', reason.message);
      this.journal.notify(
        'warning',
        'chain',
        `${reason.sentence} This device verifies proofs of time itself, and plots itself.`,
      );
    }
    if (ready !== this.ready) this.offer();
    this.lend();
    this.changed();
  }

  /** Connects for plotting where the helper can and may, over a connection that lasts as long as the helper is used. */
  private lend(): void {
    const { client, pairing } = this;
    const used = client !== null && client.state !== 'stopped' && pairing?.plots === true;
    if (!used) {
      this.plotter?.close();
      this.plotter = null;
    } else if (this.plotter === null && (client.info?.plotting.encodings ?? 0) > 0) {
      const plotter = new HelperPlotter({ ...pairing, openSocket: this.openSocket });
      // One that encodes wrongly is not believed about time either.
      plotter.onChange(() => {
        if (plotter.reason?.code === 'lied') client.distrust(plotter.reason.message);
      });
      this.plotter = plotter;
    }
    this.plotting.use(this.plotter);
  }

  private offer(): void {
    this.chain?.usePotHelper(this.ready ? this.client : null);
  }
}

/** Waits until a client is ready. Rejects with why it is not at the first try. */
function settled(client: HelperClient): Promise<void> {
  return new Promise((done, failed) => {
    const look = (): void => {
      if (client.state === 'ready') done();
      else if (client.reason !== null) failed(client.reason);
    };
    client.onChange(look);
    look();
  });
}
