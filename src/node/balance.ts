/** Balances, read by storage proof against the head that this node verified. */
import type { LightClient } from '../chain/light-client.ts';
import type { RuntimeFacts } from '../chain/runtime.ts';
import { accountQuery } from '../chain/state/accounts.ts';
import { StateReader } from '../chain/state/reader.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import type { AccountBalance } from './api.ts';

/** A source describes the runtime right after it connects. */
const RUNTIME_TIMEOUT_MS = 10_000;

/**
 * Balance of an SS58 address at the best verified block.
 *
 * @throws DecodeError for what is no address, ProtocolError (rule `storage-proof`) for a proof that does not
 * hold, RpcError where no source answers.
 */
export async function readBalance(client: LightClient, address: string): Promise<AccountBalance> {
  const { account } = decodeAddress(address);
  const runtime = await runtimeOf(client);
  const head = client.head();
  const [source] = client.sources();
  if (head === null || runtime === null || source === undefined)
    throw new Error('No node is connected to ask for a proof.');
  const { hash, number } = head.context;
  const reader = new StateReader(source, runtime.metadata, {
    number,
    hash,
    stateRoot: head.header.stateRoot,
  });
  const { value, at } = await reader.read(accountQuery(runtime.metadata, account));
  return {
    address,
    free: String(value.free),
    reserved: String(value.reserved),
    nonce: value.nonce,
    trust: { kind: 'verified', atBlock: at.number },
  };
}

/** The head's runtime, waited for while the first source is still describing it; null when none does. */
function runtimeOf(client: LightClient): Promise<RuntimeFacts | null> {
  return new Promise((done) => {
    const finish = (): void => {
      clearTimeout(timer);
      stop();
      done(client.runtime());
    };
    const stop = client.onChange(() => client.runtime() !== null && finish());
    const timer = setTimeout(finish, RUNTIME_TIMEOUT_MS);
    if (client.runtime() !== null) finish();
  });
}
