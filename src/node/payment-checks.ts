/** Whether a transaction can work, before anybody signs it. */
import { accountQuery, type AccountState } from '../chain/state/accounts.ts';
import { big, shaped } from '../chain/state/shape.ts';
import type { BlockReader, ChainBlock } from '../chain/verified-blocks.ts';
import { equal } from '../protocol/bytes.ts';
import { ProtocolError, messageOf } from '../protocol/errors.ts';
import type { DecodedCall, RuntimeMetadata } from '../protocol/metadata.ts';
import type { Token } from '../protocol/notation.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import { inTokens } from '../wallet/amounts.ts';
import { Refusal } from '../wallet/errors.ts';
import type { CallView } from '../wallet/wording.ts';

/** Prefix of addresses of no network in particular. */
const ANY_NETWORK = 42;

/** What is known of an account that is to pay. Amounts in the smallest unit. */
export interface Payer {
  account: AccountState;
  /** Least that an account has to hold. */
  deposit: bigint;
  /** Expected, tip included. */
  fee: bigint;
  /** Whether the network allows transfers. */
  transfers: boolean;
  token: Token;
}

/** Least that an account has to hold, smallest unit. */
export function existentialDeposit(metadata: RuntimeMetadata): bigint {
  return shaped(big, metadata.constant('Balances', 'ExistentialDeposit'), 'Balances.ExistentialDeposit');
}

/** What an account can give and stay open. What is on hold counts towards what is frozen. */
export function spareOf({ free, frozen, reserved }: AccountState, deposit: bigint): bigint {
  const locked = frozen > reserved ? frozen - reserved : 0n;
  const kept = locked > deposit ? locked : deposit;
  return free > kept ? free - kept : 0n;
}

/** What a call takes from its sender beside the fee; null where it does not say. */
function amountOf(pallet: string, call: string, args: Record<string, unknown> | null): bigint | null {
  const named =
    pallet === 'Balances' && (call === 'transfer_keep_alive' || call === 'transfer_allow_death')
      ? args?.['value']
      : (pallet === 'Domains' && call === 'nominate_operator') || pallet === 'Transporter'
        ? args?.['amount']
        : null;
  if (pallet === 'System') return 0n;
  return typeof named === 'bigint' ? named : null;
}

/** The refusal of a payment that the account cannot make. */
export function tooLittle(free: bigint, needed: bigint, token: Token): Refusal {
  return new Refusal(
    'insufficient-balance',
    `${free} where ${needed} is needed`,
    `The account has ${inTokens(free, token)}. This takes ${inTokens(needed, token)}, and something has to stay in it.`,
    { free, needed },
  );
}

/** What the call takes beside the fee, null where it does not say. Throws Refusal for what cannot work. */
export function requirePayable({ pallet, call, args }: DecodedCall, payer: Payer): bigint | null {
  const { account, deposit, fee, transfers, token } = payer;
  const spare = spareOf(account, deposit);
  if (pallet === 'Balances' && call.startsWith('transfer') && !transfers) {
    const sentence = 'This network does not allow transfers yet.';
    throw new Refusal('transfers-off', 'transfers are not enabled', sentence);
  }
  const spent = amountOf(pallet, call, args);
  if (spare < fee) throw tooLittle(account.free, fee, token);
  if (spent === null) return null;
  const limit = call === 'transfer_allow_death' ? spareOf(account, 0n) : spare;
  if (spent + fee > limit) throw tooLittle(account.free, spent + fee, token);
  return spent;
}

/** What the person should know before signing. Throws Refusal `below-minimum` for a payment that opens no account. */
export async function warningsOf(
  blocks: BlockReader,
  head: ChainBlock,
  metadata: RuntimeMetadata,
  { args }: DecodedCall,
  view: CallView,
  payer: Payer,
): Promise<string[]> {
  if (!view.known)
    return ['This app has no words of its own for this call. Sign it only if you know what it does.'];
  const to = (args?.['dest'] as { value?: unknown } | undefined)?.value;
  if (!view.name.startsWith('Balances.transfer') || !(to instanceof Uint8Array)) return [];
  const target = await blocks.read(accountQuery(metadata, to), head);
  if (target.exists) return [];
  const amount = args?.['value'];
  if (typeof amount === 'bigint' && amount < payer.deposit) {
    throw new Refusal(
      'below-minimum',
      `${amount} to a new account`,
      `The recipient’s account is new: send at least ${inTokens(payer.deposit, payer.token)}.`,
    );
  }
  return ['The recipient’s account has never held anything. Check the address once more.'];
}

/** What there is to say of an address that is paid from `sender` (32 bytes). `own`: prefix of the network's addresses. */
export function addressWarnings(
  to: { account: Uint8Array; prefix: number },
  sender: Uint8Array,
  own: number,
): string[] {
  if (equal(to.account, sender)) return ['This is the account that you send from.'];
  if (to.prefix === own || to.prefix === ANY_NETWORK) return [];
  return [
    'The address is written as that of another network. Whoever holds the key has the account here, too; an exchange may not.',
  ];
}

/** Bytes of a call by the runtime's names. Throws Refusal `call-arguments`, ProtocolError for what the runtime does not have. */
export function encodeCall(metadata: RuntimeMetadata, { pallet, call, args }: DecodedCall): Uint8Array {
  try {
    return metadata.encodeCall(pallet, call, args);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw new Refusal(
      'call-arguments',
      `${pallet}.${call}: ${messageOf(error)}`,
      'What was entered does not fit this transaction.',
    );
  }
}

/** Names of a call and of all calls inside it. */
export function namesIn({ name, inner }: CallView): string[] {
  return [name, ...inner.flatMap(namesIn)];
}

/** The account (32 bytes) and prefix of an address that a person gave. Throws Refusal `address`. */
export function decodeRecipient(text: string): { account: Uint8Array; prefix: number } {
  try {
    return decodeAddress(text.trim());
  } catch (error) {
    throw new Refusal(
      'address',
      error instanceof Error ? error.message : 'not an address',
      'This is not an address of the network: a character is missing or wrong.',
    );
  }
}
