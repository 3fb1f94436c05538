/** QR codes: their pattern from a text, and the text from a picture of one. */
import drawQr from 'qrcode-generator';

/** More does not fit a code that a phone reads from a screen. */
export const MAX_QR_BYTES = 1_200;

/** The modules of a QR code, row by row; true is dark. Throws RangeError beyond `MAX_QR_BYTES` of UTF-8. */
export function qrPattern(text: string): boolean[][] {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > MAX_QR_BYTES) throw new RangeError(`${bytes.length} bytes do not fit a QR code`);
  const code = drawQr(0, 'M');
  // The library takes a character for a byte; readers take the bytes for UTF-8.
  code.addData(String.fromCharCode(...bytes), 'Byte');
  code.make();
  const side = Array.from({ length: code.getModuleCount() }, (_, index) => index);
  return side.map((row) => side.map((column) => code.isDark(row, column)));
}

/** A picture's pixels, as a canvas gives them. */
export interface Pixels {
  /** Red, green, blue and alpha of each pixel. */
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

/** The text of the QR code in a picture; null where there is none. The reader is loaded at first use. */
export async function readQr({ data, width, height }: Pixels): Promise<string | null> {
  const { default: jsQR } = await import('jsqr');
  return jsQR(data, width, height)?.data ?? null;
}
