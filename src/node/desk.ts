/** Wallet and identities behind the node: the commands that the page may call by name, loaded at first use. */
import type { IdentityOptions } from '../identity/options.ts';
import { createIdentityService, type IdentityService } from '../identity/service.ts';
import type { OpenSocket } from '../network/socket.ts';
import type { WalletStore } from '../storage/wallet-store.ts';
import type { PasswordKey } from '../wallet/kdf.ts';
import { WalletService } from '../wallet/service.ts';
import { registryOf, type RegistryNetwork } from './registry.ts';

/** Commands of the wallet for the page; what signs for code in this thread is not among them. */
const WALLET_COMMANDS = [
  'status',
  'newPhrase',
  'create',
  'unlock',
  'unlockWithPasskey',
  'lock',
  'touch',
  'setAutoLock',
  'changePassword',
  'addPasskey',
  'removePasskey',
  'revealPhrase',
  'addAccount',
  'importPhrase',
  'watchAccount',
  'renameAccount',
  'removeAccount',
  'contacts',
  'putContact',
  'removeContact',
  'backup',
  'restore',
  'networkBackup',
  'networkBackups',
  'noteNetworkBackup',
  'restoreFromNetwork',
  'forget',
  'signMessage',
] as const satisfies readonly (keyof WalletService)[];

export type WalletCommands = Pick<WalletService, (typeof WALLET_COMMANDS)[number]>;
export type IdentityCommands = IdentityService;

export interface DeskPlatform {
  openSocket: OpenSocket;
  openWalletStore(): Promise<WalletStore>;
  /** Argon2id away from this thread, or in it where that does no harm. */
  passwordKey: PasswordKey;
}

type Command = (input: unknown) => Promise<unknown>;

/** One wallet with its identities. */
export class Desk {
  private constructor(
    /** For code of the node that signs transactions. */
    readonly wallet: WalletService,
    private readonly identities: IdentityService,
  ) {}

  /**
   * `network`: the network that is followed at the time, whose registry identities are looked up in; `known`: what its
   * chain proves of farming, and what its storage network holds.
   */
  static async open(
    platform: DeskPlatform,
    network: () => RegistryNetwork | null,
    known: Pick<Required<IdentityOptions>, 'lastReward' | 'accountUse' | 'objectContent'>,
  ): Promise<Desk> {
    const wallet = await WalletService.open(await platform.openWalletStore(), {
      passwordKey: platform.passwordKey,
    });
    const options = registryOf(network, wallet, platform.openSocket);
    return new Desk(wallet, createIdentityService(wallet, { ...options, ...known }));
  }

  /** Runs a command of the wallet. Throws RangeError for a name that is none. */
  walletCommand(name: string, input: unknown): Promise<unknown> {
    const known = WALLET_COMMANDS.find((command) => command === name);
    if (known === undefined) throw new RangeError(`${name.slice(0, 40)} is no command of the wallet`);
    return (this.wallet[known] as Command).call(this.wallet, input);
  }

  /** Runs a command of identities. Throws RangeError for a name that is none. */
  identityCommand(name: string, input: unknown): Promise<unknown> {
    if (!Object.hasOwn(this.identities, name))
      throw new RangeError(`${name.slice(0, 40)} is no command of identities`);
    return (this.identities[name as keyof IdentityService] as Command).call(this.identities, input);
  }
}
