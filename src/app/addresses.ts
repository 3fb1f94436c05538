/** Addresses as people hand them on. */

/** The address in a text that was scanned or pasted: plain, or as other wallets write it (`substrate:ADDRESS:…`). */
export function addressIn(text: string): string {
  const [scheme, address] = text.trim().split(':');
  return scheme?.toLowerCase() === 'substrate' && address !== undefined ? address : text.trim();
}
