/** The person's own gateway: kept, dialled, dialled again when it comes back. */
import type { BridgeHolder } from '../dsn/bridge.ts';
import { probeBridge } from '../dsn/bridge.ts';
import { bridgeOf, gatewayAddresses, GatewayError } from '../dsn/gateway.ts';
import type { DsnPeer } from '../dsn/peer.ts';
import { sentenceOf } from '../protocol/errors.ts';

export interface GatewaySettings {
  /** What the gateway printed, e.g. `http://127.0.0.1:30545`. */
  url: string;
  /** Its pairing code; empty: it is a peer only, not a bridge. */
  code: string;
}

export interface GatewayView {
  url: string;
  /** Whether its peer is connected. */
  connected: boolean;
  /** Whether it bridges to peers that speak TCP only. */
  bridges: boolean;
  /** Why it is not connected, for the person. */
  trouble: string | null;
}

const RETRY_MS = 20_000;
const PUT_ASIDE =
  'Something wrong came through it, perhaps from somebody else. It is asked again in a while.';
/** Multiaddresses end in the peer's id. */
const PEER_ID = /\/p2p\/([^/]+)$/;

export class Gateway {
  private settings: GatewaySettings | null = null;
  private peerId: string | null = null;
  private trouble: string | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;

  /**
   * @param bridge Where its bridge is put in use; undefined where TCP is spoken anyway.
   * @param beyond Multiaddresses of peers that are dialled whenever there is a bridge again.
   */
  constructor(
    private readonly peer: DsnPeer,
    private readonly bridge: BridgeHolder | undefined,
    private readonly beyond: () => Promise<readonly string[]>,
  ) {}

  /** Takes up a gateway that was used before; one that does not answer is tried again and again. */
  start(settings: GatewaySettings): void {
    this.adopt(settings);
    void this.reach();
  }

  /** Uses a gateway from now on. Throws GatewayError if it does not answer, serve this page or take the code. */
  async take({ url, code }: GatewaySettings): Promise<GatewaySettings> {
    const settings = { url: url.trim(), code: code.trim().toUpperCase() };
    await this.dial(settings.url);
    if (settings.code !== '') {
      const outcome = await probeBridge(bridgeOf(settings.url, settings.code));
      if (outcome === 'wrong-code')
        throw new GatewayError('The pairing code is not the one that the gateway printed.');
      if (outcome === 'no-bridge') throw new GatewayError('The gateway answers, but does not bridge.');
    }
    this.adopt(settings);
    await this.dialBeyond();
    return settings;
  }

  /** Uses none. */
  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.settings = null;
    this.trouble = null;
    this.peer.book.setGateway(null);
    if (this.bridge !== undefined) this.bridge.settings = null;
  }

  /** Whether a peer is the gateway's. */
  is(peer: string): boolean {
    return this.settings !== null && peer === this.peerId;
  }

  view(): GatewayView | null {
    if (this.settings === null) return null;
    const { url, code } = this.settings;
    const connected = this.isConnected();
    const isAside = this.peerId !== null && this.peer.book.isPutAside(this.peerId);
    const trouble = isAside ? PUT_ASIDE : connected ? null : this.trouble;
    return { url, connected, bridges: code !== '', trouble };
  }

  private adopt(settings: GatewaySettings): void {
    this.stop();
    this.settings = settings;
    this.peer.book.setGateway(this.peerId);
    if (this.bridge !== undefined && settings.code !== '')
      this.bridge.settings = bridgeOf(settings.url, settings.code);
    this.timer = setInterval(() => void this.reach(), RETRY_MS);
  }

  private isConnected(): boolean {
    return this.peer.connections().some(({ peer }) => peer === this.peerId);
  }

  private async reach(): Promise<void> {
    if (this.settings === null || this.isConnected()) return;
    try {
      await this.dial(this.settings.url);
      this.trouble = null;
      await this.dialBeyond();
    } catch (error) {
      this.trouble = sentenceOf(error);
    }
  }

  /** Dials its addresses one after the other, the fastest transport first. Throws GatewayError. */
  private async dial(url: string): Promise<void> {
    const addresses = await gatewayAddresses(url);
    for (const address of addresses) {
      const named = PEER_ID.exec(address)?.[1] ?? null;
      // One that was banned before it was named may be dialled again.
      if (named !== null) this.peer.book.setGateway(named);
      const [reached] = await this.peer.connect([address]);
      if (reached === undefined) continue;
      this.peerId = named ?? reached;
      return;
    }
    this.peer.book.setGateway(this.settings === null ? null : this.peerId);
    throw new GatewayError('The gateway’s peer cannot be reached, or belongs to another network.');
  }

  private async dialBeyond(): Promise<void> {
    if (this.bridge?.settings != null) await this.peer.connect(await this.beyond());
  }
}
