/** Addresses as people hand them on. */
import { ACCOUNT_BYTES, encodeAddress } from '../protocol/ss58.ts';

/** What every address under an SS58 prefix begins with, as `su…`; empty where they have no beginning in common. */
export function addressBeginning(prefix: number): string {
  const [least, most] = [0, 255].map((byte) =>
    encodeAddress(new Uint8Array(ACCOUNT_BYTES).fill(byte), prefix),
  ) as [string, string];
  let common = 0;
  while (least[common] === most[common]) common++;
  return common === 0 ? '' : `${least.slice(0, common)}…`;
}

/** The address in a text that was scanned or pasted: plain, or as other wallets write it (`substrate:ADDRESS:…`). */
export function addressIn(text: string): string {
  const [scheme, address] = text.trim().split(':');
  return scheme?.toLowerCase() === 'substrate' && address !== undefined ? address : text.trim();
}
