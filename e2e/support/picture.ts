/** Pictures for tests that show something to the page. */
import { qrPattern } from '../../src/app/qr.ts';

const SCALE = 4;
const QUIET = 4;
const HEADER_BYTES = 62;

/** A QR code as a photo of it would come: a bitmap file (BMP) of one bit a pixel. */
export function qrPicture(text: string): { name: string; mimeType: string; buffer: Buffer } {
  const pattern = qrPattern(text);
  const side = (pattern.length + 2 * QUIET) * SCALE;
  const rowBytes = Math.ceil(side / 32) * 4;
  const buffer = Buffer.alloc(HEADER_BYTES + rowBytes * side);
  buffer.write('BM');
  buffer.writeUInt32LE(buffer.length, 2);
  buffer.writeUInt32LE(HEADER_BYTES, 10);
  buffer.writeUInt32LE(40, 14);
  buffer.writeInt32LE(side, 18);
  buffer.writeInt32LE(-side, 22);
  buffer.writeUInt16LE(1, 26);
  buffer.writeUInt16LE(1, 28);
  // Two colours: a dark module is 0, a light one 1.
  buffer.writeUInt32LE(2, 46);
  buffer.writeUInt32LE(0xffffff, 58);
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1) {
      const dark = pattern[Math.floor(y / SCALE) - QUIET]?.[Math.floor(x / SCALE) - QUIET] === true;
      if (!dark) buffer[HEADER_BYTES + y * rowBytes + (x >> 3)]! |= 0x80 >> (x & 7);
    }
  return { name: 'code.bmp', mimeType: 'image/bmp', buffer };
}
