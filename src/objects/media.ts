/** Media types of files. A name or a file's beginning suggests one; it never lets content run as a page. */

const BY_ENDING: Record<string, string> = {
  avif: 'image/avif',
  css: 'text/plain',
  csv: 'text/csv',
  flac: 'audio/flac',
  gif: 'image/gif',
  htm: 'text/html',
  html: 'text/html',
  ico: 'image/x-icon',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/plain',
  json: 'application/json',
  m4a: 'audio/mp4',
  md: 'text/plain',
  mov: 'video/quicktime',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  ogg: 'audio/ogg',
  ogv: 'video/ogg',
  opus: 'audio/ogg',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  ts: 'text/plain',
  txt: 'text/plain',
  wav: 'audio/wav',
  webm: 'video/webm',
  webp: 'image/webp',
  xml: 'text/xml',
  zip: 'application/zip',
};

const OCTETS = 'application/octet-stream';

const BEGINNINGS: [signature: number[], type: string][] = [
  [[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], 'image/png'],
  [[0xff, 0xd8, 0xff], 'image/jpeg'],
  [[0x47, 0x49, 0x46, 0x38], 'image/gif'],
  [[0x25, 0x50, 0x44, 0x46, 0x2d], 'application/pdf'],
  [[0x1a, 0x45, 0xdf, 0xa3], 'video/webm'],
  [[0x4f, 0x67, 0x67, 0x53], 'audio/ogg'],
  [[0x49, 0x44, 0x33], 'audio/mpeg'],
  [[0x50, 0x4b, 0x03, 0x04], 'application/zip'],
];

/** Media type by the ending of a name, or by the file's first bytes where the name says nothing. */
export function mediaTypeOf(name: string | null, begin: Uint8Array = new Uint8Array(0)): string {
  const ending = /\.([a-z0-9]+)$/i.exec(name ?? '')?.[1]?.toLowerCase();
  const known = ending === undefined ? undefined : BY_ENDING[ending];
  if (known !== undefined) return known;
  const signature = BEGINNINGS.find(([bytes]) => bytes.every((byte, index) => begin[index] === byte));
  if (signature !== undefined) return signature[1];
  const box = String.fromCharCode(...begin.subarray(4, 8));
  return box === 'ftyp' ? 'video/mp4' : OCTETS;
}

/** Kinds of files that a browser only shows and never runs. */
export type Preview = 'image' | 'video' | 'audio' | 'text' | null;

/** How a file may be shown inside the app; null: not at all. Vector images can hold scripts and are not shown. */
export function previewOf(mediaType: string): Preview {
  const [kind] = mediaType.split('/');
  if (mediaType === 'image/svg+xml' || mediaType === 'text/html' || mediaType === 'text/xml') return null;
  if (kind === 'image' || kind === 'video' || kind === 'audio' || kind === 'text') return kind;
  return mediaType === 'application/json' ? 'text' : null;
}

/** Name of the file that an object is saved as: its own, and of a folder that of its zip file. */
export function savedName({ kind, name }: { kind: string; name: string | null }): string {
  return kind === 'folder' ? `${name ?? 'folder'}.zip` : (name ?? 'object');
}
