import type { WalletStatus } from '../wallet/service.ts';
import type { Token } from '../protocol/notation.ts';

/** An unlocked wallet. */
export interface OpenWallet {
  status: WalletStatus;
  refresh: () => void;
}

/** What every part of the wallet is given. */
export interface PartProps extends OpenWallet {
  token: Token;
  /** Blocks until a transaction cannot be undone; null before the network is known. */
  depth: number | null;
  /** Address that the farm's rewards go to; null while it is not known. */
  farm: string | null;
  /** Address of the account that was chosen to send from, if any was. */
  from: string | null;
  onSend: (address: string) => void;
}
