/**
 * The person's own native timekeeper: paired once, used while it is there, and done without while it is gone. The
 * pairing code stays in the store and goes to the helper only.
 */
import type { LightClient } from '../chain/light-client.ts';
import { HelperClient, HELPER_PORT } from '../network/helper-client.ts';
import type { HelperInfo } from '../network/helper-messages.ts';
import type { OpenSocket } from '../network/socket.ts';
import type { NodeStore } from '../storage/store.ts';
import type { Cause } from './api.ts';
import { causeOf } from './causes.ts';
import type { Journal } from './journal.ts';

export interface TimekeeperView {
  /** `off`: none is paired; `waiting`: it is gone and looked for; `stopped`: it is not used until told again. */
  phase: 'off' | 'connecting' | 'ready' | 'waiting' | 'stopped';
  port: number;
  /** What the helper says of itself; reported. */
  helper: HelperInfo | null;
  /** Why it is not used. */
  cause: Cause | null;
}

/** Nothing is paired. */
export const NO_TIMEKEEPER: TimekeeperView = { phase: 'off', port: HELPER_PORT, helper: null, cause: null };

interface Pairing {
  port: number;
  code: string;
}

const SETTING = 'timekeeper';
/** Codes are 32 hexadecimal digits; people copy them with spaces around. */
const CODE = /^[0-9a-f]{32}$/;

type Chain = Pick<LightClient, 'usePotHelper'>;

export class Timekeeper {
  private pairing: Pairing | null = null;
  private client: HelperClient | null = null;
  private chain: Chain | null = null;
  private cause: Cause | null = null;
  /** Whether the client was ready when it was last looked at. */
  private ready = false;

  constructor(
    private readonly store: NodeStore,
    private readonly openSocket: OpenSocket,
    private readonly journal: Journal,
    private readonly changed: () => void,
  ) {}

  /** Connects to the helper that was paired before, if there is one. Throws StorageError. */
  async resume(): Promise<void> {
    const pairing = await this.store.setting<Pairing>(SETTING);
    if (pairing !== null) this.use(pairing, this.connect(pairing));
  }

  /**
   * Pairs with the helper on a port of this machine and uses it from now on, instead of one paired before.
   *
   * @throws HelperError when nothing answers, something else answers, or the code is wrong; an earlier pairing stays.
   */
  async pair(port: number, code: string): Promise<void> {
    const pairing = { port, code: code.trim().toLowerCase() };
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new Error('A port is a number from 1 to 65535; the timekeeper prints its own when it starts.');
    if (!CODE.test(pairing.code))
      throw new Error(
        'A pairing code has 32 digits and letters from a to f; the timekeeper prints it when it starts.',
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
    this.journal.notify('success', 'chain', `The timekeeper on port ${port} verifies proofs of time now.`);
  }

  /** Tries a helper again that was put off. */
  retry(): void {
    if (this.pairing !== null) this.use(this.pairing, this.connect(this.pairing));
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

  view(): TimekeeperView {
    const { client, pairing } = this;
    if (client === null || pairing === null) return NO_TIMEKEEPER;
    return { phase: client.state, port: pairing.port, helper: client.info, cause: this.cause };
  }

  /** Ends the connection; the pairing stays. */
  stop(): void {
    const { client } = this;
    this.client = null;
    client?.close();
    this.ready = false;
    this.offer();
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
        `${reason.sentence} This device verifies proofs of time itself.`,
      );
    }
    if (ready !== this.ready) this.offer();
    this.changed();
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
