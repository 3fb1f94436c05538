/** Objects that the prepared history of the local network holds, for people to try. */
import { readFileSync } from 'node:fs';
import type { PrepareEntry, PrepareOptions } from '../src/objects/prepare.ts';
import { utf8 } from '../src/protocol/bytes.ts';
import { hashOfCid } from '../src/protocol/cid.ts';
import type { Segments } from './segments.ts';

/** An object before it is stored. */
export interface SampleSource {
  /** What it shows, for the person. */
  about: string;
  entry: PrepareEntry;
  options: PrepareOptions;
}

const RATE = 22_050;
const TUNE = [60, 64, 67, 72, 71, 67, 64, 62, 65, 69, 74, 72, 69, 65, 62, 60];
const NOTE_SECONDS = 2;

const fileOf = (name: string, content: Uint8Array): PrepareEntry => ({
  kind: 'file',
  name,
  bytes: async function* () {
    yield content;
  },
});

const shipped = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, import.meta.url)));

/** A slow arpeggio with fading overtones as 16-bit PCM. */
function tune(): Uint8Array {
  const samples = new Int16Array(TUNE.length * NOTE_SECONDS * RATE);
  TUNE.forEach((key, note) => {
    const hertz = 440 * 2 ** ((key - 69) / 12);
    const start = note * NOTE_SECONDS * RATE;
    for (let at = 0; at < NOTE_SECONDS * RATE; at += 1) {
      const seconds = at / RATE;
      const attack = Math.min(1, seconds * 60);
      let value = 0;
      for (let overtone = 1; overtone <= 4; overtone += 1) {
        const fade = Math.exp(-seconds * (1.2 + overtone));
        value += (Math.sin(2 * Math.PI * hertz * overtone * seconds) * fade) / overtone;
      }
      samples[start + at] = Math.round(value * attack * 12_000);
    }
  });
  const header = new DataView(new ArrayBuffer(44));
  const text = (at: number, value: string): void =>
    utf8(value).forEach((byte, index) => header.setUint8(at + index, byte));
  text(0, 'RIFF');
  header.setUint32(4, 36 + samples.byteLength, true);
  text(8, 'WAVEfmt ');
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, RATE, true);
  header.setUint32(28, RATE * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  text(36, 'data');
  header.setUint32(40, samples.byteLength, true);
  const file = new Uint8Array(44 + samples.byteLength);
  file.set(new Uint8Array(header.buffer));
  file.set(new Uint8Array(samples.buffer), 44);
  return file;
}

/** The first 20 000 primes with the gaps after them. */
function primes(): Uint8Array {
  const limit = 224_743;
  const composite = new Uint8Array(limit + 1);
  const found: number[] = [];
  for (let number = 2; number <= limit; number += 1) {
    if (composite[number] === 1) continue;
    found.push(number);
    for (let multiple = number * number; multiple <= limit; multiple += number) composite[multiple] = 1;
  }
  const rows = found
    .slice(0, 20_000)
    .map((prime, index) => `${index + 1},${prime},${(found[index + 1] ?? prime) - prime}`);
  return utf8(['number,prime,gap', ...rows, ''].join('\n'));
}

const GREETING = `A first text out of history

Somebody stored this file, and the block it came in went into the archived history of this chain. Farmers keep that
history in pieces of a mebibyte. What you read was put together from such pieces; every one was checked against a
commitment in the chain's state, and every part of the file against its hash, before a letter of it was shown.

Nobody has to be asked for permission, and nobody can change a word of it.
`;

const SECRET = `This text was encrypted before it was stored. Everybody can fetch it; only who knows the password can read it.
What is stored stays for ever, so that a weak password will be guessed one day.
`;

/** The samples in the order in which they are shown; the last one is laid across the border of two segments. */
export function sampleSources(): SampleSource[] {
  const notes = ['decisions', 'local-network', 'superlight'].map((name) =>
    fileOf(`${name}.md`, shipped(`data/samples/notes/${name}.md`)),
  );
  const picture = fileOf('sunrise.jpg', shipped('data/samples/sunrise.jpg'));
  return [
    { about: 'A short text', entry: fileOf('hello.txt', utf8(GREETING)), options: {} },
    { about: 'A picture', entry: picture, options: {} },
    {
      about: 'A video that lies across the border of two pieces',
      entry: fileOf('sunrise.webm', shipped('data/samples/sunrise.webm')),
      options: {},
    },
    {
      about: 'A folder',
      entry: {
        kind: 'folder',
        name: 'notes',
        entries: [...notes, { kind: 'folder', name: 'pictures', entries: [picture] }],
      },
      options: {},
    },
    { about: 'A compressed table', entry: fileOf('primes.csv', primes()), options: { compressionLevel: 9 } },
    {
      about: 'An encrypted text; its password is “correct horse”',
      entry: fileOf('secret.txt', utf8(SECRET)),
      options: { compressionLevel: 9, password: SAMPLE_PASSWORD },
    },
    {
      about: 'A tune that lies across the border of two segments',
      entry: fileOf('tune.wav', tune()),
      options: {},
    },
  ];
}

/** Password of the encrypted sample. */
export const SAMPLE_PASSWORD = 'correct horse';

/** A sample that the history holds. */
export interface Sample {
  name: string;
  about: string;
  kind: 'file' | 'folder';
  /** Text of the identifier. */
  cid: string;
  /** Stored bytes. */
  bytes: number;
  /** Where the head lies. */
  pieceIndex: number;
  offset: number;
}

const LIST = new URL('./data/samples.json', import.meta.url);

/** The samples, if this history has them. */
export function samplesIn(history: Pick<Segments, 'place'>): Sample[] {
  const all = JSON.parse(readFileSync(LIST, 'utf8')) as Sample[];
  return all.filter(({ cid }) => history.place(hashOfCid(cid)) !== null);
}
