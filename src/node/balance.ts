/** Balances, read by storage proof against the head that this node verified. */
import type { LightClient } from '../chain/light-client.ts';
import { accountQuery } from '../chain/state/accounts.ts';
import { VerifiedBlocks } from '../chain/verified-blocks.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import type { AccountBalance } from './api.ts';

/**
 * Balance of an SS58 address at the best verified block.
 *
 * @throws DecodeError for what is no address, NoProof where no source gives a proof that holds.
 */
export async function readBalance(client: LightClient, address: string): Promise<AccountBalance> {
  const { account } = decodeAddress(address);
  const blocks = new VerifiedBlocks(client);
  const { head, metadata } = await blocks.ready();
  const value = await blocks.read(accountQuery(metadata, account), head);
  return {
    address,
    free: String(value.free),
    reserved: String(value.reserved),
    nonce: value.nonce,
    trust: { kind: 'verified', atBlock: head.number },
  };
}
