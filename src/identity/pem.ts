/** PEM: DER as text that people can copy. */
import { base64 } from '@scure/base';
import { DecodeError } from '../protocol/errors.ts';

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'PRIVATE KEY' | 'ENCRYPTED PRIVATE KEY';

const LINE_CHARACTERS = 64;
const MAX_CHARACTERS = 1024 * 1024;
const MAX_BLOCKS = 32;

/** One PEM block. */
export function encodePem(label: PemLabel, der: Uint8Array): string {
  const text = base64.encode(der);
  const lines = text.match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

export interface PemBlock {
  label: string;
  der: Uint8Array;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** Every PEM block of a text, in order; text around them is left alone. Throws DecodeError when there is none. */
export function decodePem(text: string): PemBlock[] {
  if (text.length > MAX_CHARACTERS) throw new DecodeError('pem', `${text.length} characters`);
  const blocks: PemBlock[] = [];
  for (const [, label, body] of text.matchAll(BLOCK)) {
    if (blocks.length >= MAX_BLOCKS) throw new DecodeError('pem', `more than ${MAX_BLOCKS} blocks`);
    try {
      blocks.push({ label: label!, der: base64.decode(body!.replaceAll(/\s/g, '')) });
    } catch {
      throw new DecodeError('pem', `the block “${label}” is not base 64`);
    }
  }
  if (blocks.length === 0) throw new DecodeError('pem', 'no PEM block');
  return blocks;
}
