/** Reading of a set of recorded vectors. */
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parse } from 'lossless-json';
import type { ReadObserver } from './run-unread.ts';
import type { ConformanceContext } from './types.ts';

const inflate = promisify(gunzip);

/** A number outside of strings that a double may not hold. */
const LONG_NUMBER = /[:[,\s]-?\d{16,}/;

function parseNumber(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** Parses JSON; integers beyond 2^53 become bigint. */
function parseJson(text: string): unknown {
  return LONG_NUMBER.test(text) ? parse(text, undefined, parseNumber) : JSON.parse(text);
}

/** All files below a folder, relative to it, sorted. */
export async function listFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

/** Context of a set's folder, or of a folder of a set. JSON files are parsed once; `observer` notes what is read of them. */
export function createContext(dir: string, observer: ReadObserver): ConformanceContext {
  const parsed = new Map<string, Promise<unknown>>();
  const read = async (path: string): Promise<Uint8Array> => {
    const place = [path, basename(path)].find((name) => existsSync(join(dir, name)));
    if (place === undefined) throw new Error(`this set lacks ${path}, which one of its cases needs`);
    const bytes = await readFile(join(dir, place));
    return new Uint8Array(path.endsWith('.gz') ? await inflate(bytes) : bytes);
  };
  return {
    dir,
    read,
    json: <T>(path: string): Promise<T> => {
      let value = parsed.get(path);
      if (!value) {
        value = read(path).then((bytes) => {
          const document = parseJson(new TextDecoder().decode(bytes));
          return observer.observe(path, document);
        });
        parsed.set(path, value);
      }
      return value as Promise<T>;
    },
  };
}
