/** The check sum of zip files, of the polynomial 0xedb88320. */

/** What eight bytes at once come to: a table for each of their places, the last byte's first. */
const TABLES = tables();

function tables(): Int32Array {
  const all = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum & 1) === 1 ? (sum >>> 1) ^ 0xedb8_8320 : sum >>> 1;
    all[byte] = sum;
  }
  for (let at = 256; at < all.length; at += 1) all[at] = (all[at - 256]! >>> 8) ^ all[all[at - 256]! & 255]!;
  return all;
}

/** The sum of what came before, whose sum is `before`, and these bytes. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const t = TABLES;
  const whole = bytes.length & ~7;
  let sum = ~before;
  let at = 0;
  for (; at < whole; at += 8) {
    sum ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    sum =
      t[1792 + (sum & 255)]! ^
      t[1536 + ((sum >>> 8) & 255)]! ^
      t[1280 + ((sum >>> 16) & 255)]! ^
      t[1024 + (sum >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at += 1) sum = (sum >>> 8) ^ t[(sum ^ bytes[at]!) & 255]!;
  return ~sum >>> 0;
}
