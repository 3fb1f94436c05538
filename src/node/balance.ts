/** Balances, read by storage proof against the head that this node verified. */
import { Blake2128Concat, Twox128 } from '@polkadot-api/substrate-bindings';
import type { LightClient } from '../chain/light-client.ts';
import { concat, utf8 } from '../protocol/bytes.ts';
import { decodeAll } from '../protocol/scale.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import { readProof } from '../protocol/trie-proof.ts';
import type { AccountBalance } from './api.ts';

/**
 * Balance of an SS58 address at the best verified block.
 *
 * @throws DecodeError for what is no address, ProtocolError (rule `storage-proof`) for a proof that does not
 * hold, RpcError where no source answers.
 */
export async function readBalance(client: LightClient, address: string): Promise<AccountBalance> {
  const { account } = decodeAddress(address);
  const head = client.head();
  const [source] = client.sources();
  if (head === null || source === undefined) throw new Error('No node is connected to ask for a proof.');
  const { hash, number } = head.context;
  const key = concat(Twox128(utf8('System')), Twox128(utf8('Account')), Blake2128Concat(account));
  const { proof } = await source.readProof([key], hash);
  const [value] = readProof(head.header.stateRoot, proof, [key]);
  const trust = { kind: 'verified', atBlock: number } as const;
  if (value == null) return { address, free: '0', reserved: '0', nonce: 0, trust };
  return decodeAll(value, 'account', (reader) => {
    const nonce = reader.u32();
    for (let counter = 0; counter < 3; counter += 1) reader.u32();
    const [free, reserved] = [reader.u128(), reader.u128()];
    // Frozen funds and flags.
    reader.u128();
    reader.u128();
    return { address, free: String(free), reserved: String(reserved), nonce, trust };
  });
}
