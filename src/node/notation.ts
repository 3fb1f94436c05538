/** How the followed network writes amounts and addresses: known with the app, else told by its nodes once. */
import type { SystemProperties } from '../network/node-rpc.ts';
import { PRESETS } from '../network/presets.ts';
import type { Notation, Token } from '../protocol/notation.ts';
import type { NodeStore } from '../storage/store.ts';
import type { NetworkId } from './api.ts';
import type { Journal } from './journal.ts';
import { usualNotation } from './networks.ts';

/** Amounts have 128 bits. */
const MOST_DECIMALS = 38;
const MOST_PREFIX = 16_383;
/** What can stand beside an amount without being taken for something else. */
const SYMBOL = /^[\p{L}\p{Sc}][\p{L}\p{N}\p{Sc}.-]{0,11}$/u;

/** Of a network whose genesis block (hash in hex) the app knows; null for any other. */
export function knownNotation(genesisHash: string): Notation | null {
  return PRESETS.find((preset) => preset.genesisHash === genesisHash)?.notation ?? null;
}

/** The token that a node names; null where it names none, or none that can be. */
export function tokenOf({ tokenSymbol: symbol, tokenDecimals: decimals }: SystemProperties): Token | null {
  if (symbol === null || decimals === null || !SYMBOL.test(symbol) || decimals > MOST_DECIMALS) return null;
  return { symbol, decimals };
}

/** What is asked of a source. */
export interface NotationSource {
  readonly name: string;
  properties(): Promise<SystemProperties>;
}

/**
 * Nothing proves a notation. That of the public networks comes with the app; what the first node says of another one is
 * kept with its genesis hash, because a decimal point that moves would turn what a person types into another amount.
 */
export class Notations {
  private genesisHash: string | null = null;
  private found: Notation | null = null;
  private asking = false;
  private readonly compared = new Set<string>();

  constructor(
    private readonly store: NodeStore,
    private readonly journal: Journal,
    private readonly changed: () => void,
  ) {}

  /** Of the network that is followed, or what is shown until its nodes have told. */
  of(network?: NetworkId): Notation {
    return this.found ?? usualNotation(network);
  }

  /** Another network may come. */
  forget(): void {
    this.genesisHash = null;
    this.found = null;
    this.compared.clear();
  }

  /** Learns what is not known yet of a network (genesis hash in hex), from the sources there are. Never rejects. */
  async learn(genesisHash: string, sources: readonly NotationSource[]): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      if (this.genesisHash !== genesisHash) {
        this.forget();
        this.genesisHash = genesisHash;
        this.found = knownNotation(genesisHash) ?? (await this.store.setting<Notation>(key(genesisHash)));
        if (this.found !== null) this.changed();
      }
      if (knownNotation(genesisHash) !== null) return;
      for (const source of sources) if (!this.compared.has(source.name)) await this.ask(source, genesisHash);
    } catch (error) {
      this.journal.log('info', `the network’s token: ${String(error)}`);
    } finally {
      this.asking = false;
    }
  }

  private async ask(source: NotationSource, genesisHash: string): Promise<void> {
    const properties = await source.properties();
    this.compared.add(source.name);
    const token = tokenOf(properties);
    if (this.genesisHash !== genesisHash || token === null) return;
    const { found } = this;
    if (found === null) {
      const { ss58Format: prefix } = properties;
      const ss58Prefix = prefix !== null && prefix <= MOST_PREFIX ? prefix : this.of().ss58Prefix;
      this.found = { token, ss58Prefix };
      await this.store.putSetting(key(genesisHash), this.found);
      this.changed();
    } else if (found.token.symbol !== token.symbol || found.token.decimals !== token.decimals) {
      const text = `${source.name} counts in ${words(token)}; amounts are shown in ${words(found.token)}, as the network’s first node said. One of the two is wrong.`;
      this.journal.notify('warning', 'chain', text);
    }
  }
}

const key = (genesisHash: string): string => `notation-${genesisHash}`;
const words = ({ symbol, decimals }: Token): string => `${symbol} with ${decimals} decimal places`;
