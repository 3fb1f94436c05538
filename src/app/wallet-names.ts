import { useCallback } from 'react';
import type { WalletStatus } from '../wallet/service.ts';
import { useLoaded, wallet } from './wallet-client.ts';

/** Names that the person gave to addresses, in accounts or the address book. */
export function useNames(status: WalletStatus): (address: string) => string | null {
  const { value: contacts } = useLoaded(useCallback(() => wallet.contacts(), []));
  return useCallback(
    (address) =>
      [...status.accounts, ...(contacts ?? [])].find((one) => one.address === address)?.name ?? null,
    [status.accounts, contacts],
  );
}
