const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

/** A new ULID: 48 bits of the time in milliseconds, then 80 random bits, in Crockford's base 32. */
export function createUlid(): string {
  let time = Date.now();
  let text = '';
  for (let character = 0; character < TIME_CHARACTERS; character += 1) {
    text = ALPHABET[time % 32]! + text;
    time = Math.floor(time / 32);
  }
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_CHARACTERS));
  for (const byte of random) text += ALPHABET[byte % 32]!;
  return text;
}

export function isUlid(text: string): boolean {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);
}
