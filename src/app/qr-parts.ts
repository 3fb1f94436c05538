/** Texts too long for one QR code, shown and read as several in turn. */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex, utf8 } from '../protocol/bytes.ts';
import { MAX_QR_BYTES } from './qr.ts';

const PREFIX = 'allotment-part';
/** Codes of this size are read from a phone's screen at the first look. */
const PART_BYTES = 700;
const MAX_PARTS = 400;
const PART = /^allotment-part\/([0-9a-f]{16})\/(\d{1,3})\/(\d{1,3})\/([^]*)$/;

function digest(text: string): string {
  return toHex(sha256(utf8(text))).slice(0, 16);
}

/** A text as codes' texts: itself if it fits one. Throws RangeError beyond some 280 kB. */
export function qrParts(text: string): string[] {
  if (utf8(text).length <= MAX_QR_BYTES) return [text];
  const parts: string[] = [];
  let part = '';
  let bytes = 0;
  for (const character of text) {
    const length = utf8(character).length;
    if (bytes + length > PART_BYTES) {
      parts.push(part);
      [part, bytes] = ['', 0];
    }
    part += character;
    bytes += length;
  }
  parts.push(part);
  if (parts.length > MAX_PARTS) throw new RangeError(`${parts.length} codes are too many`);
  const id = digest(text);
  return parts.map((content, index) => `${PREFIX}/${id}/${index + 1}/${parts.length}/${content}`);
}

/** Puts together what is read code by code, in any order and as often as they come. */
export class QrCollector {
  private id = '';
  private count = 0;
  private readonly parts = new Map<number, string>();

  /** How many of how many were read; null while nothing of several was. */
  get progress(): { read: number; of: number } | null {
    return this.count === 0 ? null : { read: this.parts.size, of: this.count };
  }

  /**
   * Takes a code's text. Returns the whole text once it is there, or null while parts are missing.
   *
   * @throws Error with a sentence for the person if the parts do not make the text that they were made from.
   */
  take(read: string): string | null {
    const [, id, number, of, content] = PART.exec(read) ?? [];
    if (id === undefined) return read;
    const [index, count] = [Number(number), Number(of)];
    if (index < 1 || index > count || count > MAX_PARTS) throw new Error('This code is damaged.');
    if (id !== this.id || count !== this.count) {
      this.parts.clear();
      [this.id, this.count] = [id, count];
    }
    this.parts.set(index, content!);
    if (this.parts.size < count) return null;
    const text = Array.from({ length: count }, (_, at) => this.parts.get(at + 1)!).join('');
    this.parts.clear();
    if (digest(text) !== id) throw new Error('The codes do not fit together. Scan them again.');
    return text;
  }
}
