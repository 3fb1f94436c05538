/** The genesis of the local network: its state, its block. */
import { readFileSync } from 'node:fs';
import { fromHex, littleEndian, utf8 } from '../src/protocol/bytes.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { piecesToSolutionRange } from '../src/protocol/solution-range.ts';
import type { SolutionRange } from '../src/protocol/types.ts';
import { developmentAccounts } from './accounts.ts';
import type { NetworkParams } from './config.ts';
import { writeAccount } from './runtime/balances.ts';
import { storagePrefix } from '../src/protocol/storage-key.ts';
import { keys } from './runtime/keys.ts';
import type { StorageChange } from './runtime/storage.ts';

/** Solution range at which the network's initial pieces give a block every 1 / probability slots. */
export function initialSolutionRange(params: NetworkParams): SolutionRange {
  return piecesToSolutionRange(params.initialPieces, params.slotProbability);
}

/** Versions of the pallets' storage and settings without which the runtime does not start: key, value in hex. */
const settings = JSON.parse(
  readFileSync(new URL('./data/genesis-settings.json', import.meta.url), 'utf8'),
) as Record<string, string>;

/**
 * All entries of the genesis state. The code is not the WebAssembly runtime, which the local network does without,
 * but a text that names the rules and constants this network is executed by; so other constants give another
 * genesis, as they do where they are compiled in.
 */
export function genesisState(params: NetworkParams): StorageChange[] {
  const entries: { key: Uint8Array; value: Uint8Array }[] = Object.entries(settings).map(([key, value]) => ({
    key: fromHex(key),
    value: fromHex(value),
  }));
  const put = (key: Uint8Array, encode: (writer: ScaleWriter) => void): void => {
    const writer = new ScaleWriter();
    encode(writer);
    entries.push({ key, value: writer.bytes() });
  };
  entries.push({ key: keys.code, value: utf8(codeText(params)) });
  const accounts = developmentAccounts();
  for (const { publicKey } of accounts) {
    const zero = {
      nonce: 0,
      consumers: 0,
      providers: 1,
      sufficients: 0,
      reserved: 0n,
      frozen: 0n,
      flags: 0n,
    };
    put(keys.account(publicKey), (writer) => writeAccount(writer, { ...zero, free: params.endowment }));
  }
  put(storagePrefix('Balances', 'TotalIssuance'), (writer) =>
    writer.u128(params.endowment * BigInt(accounts.length)),
  );
  entries.push({ key: storagePrefix('Sudo', 'Key'), value: accounts[0]!.publicKey });
  put(storagePrefix('Subspace', 'PotSlotIterations'), (writer) => writer.u32(params.potSlotIterations).u8(0));
  put(storagePrefix('Subspace', 'AllowAuthoringByAnyone'), (writer) => writer.bool(true));
  put(storagePrefix('Subspace', 'EnableRewards'), (writer) => writer.u32(1));
  entries.push({
    key: storagePrefix('RuntimeConfigs', 'ConfirmationDepthK'),
    value: littleEndian(params.confirmationDepthK, 4),
  });
  return entries;
}

function codeText(params: NetworkParams): string {
  const constants = Object.entries(params)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join('/') : String(value)}`);
  return `Allotment local network, rules of subspace runtime 6: ${constants.join(' ')}`;
}
