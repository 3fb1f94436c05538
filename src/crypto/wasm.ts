/** The one door to the WebAssembly module: loading it, and turning what it throws into typed errors. */
import init, * as module from '../../wasm/pkg/allotment.js';
import { ProtocolError } from '../protocol/errors.ts';
import { accelerateBlake3 } from '../protocol/hash.ts';

/** The module's functions. Call `loadWasm` first, and go through `guarded`. */
export const wasm = module;

const wasmUrl = new URL('../../wasm/pkg/allotment_bg.wasm', import.meta.url);
let loaded: Promise<void> | null = null;
let ready = false;
let memory: WebAssembly.Memory | null = null;

/** Whether this runs under Node.js rather than in a page or a browser's worker. */
export function isNode(): boolean {
  return typeof process === 'object' && typeof process.versions?.node === 'string';
}

/** Compiles the module without instantiating it, to be handed to workers. */
export async function compileWasm(): Promise<WebAssembly.Module> {
  if (!isNode()) return WebAssembly.compileStreaming(fetch(wasmUrl));
  return WebAssembly.compile(await readLocal(wasmUrl));
}

/** Bytes of a file beside the program, under Node.js. */
export async function readLocal(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  // Named at run time, so that bundling for browsers does not look for it.
  const name = 'node:fs/promises';
  const { readFile } = (await import(/* @vite-ignore */ name)) as typeof import('node:fs/promises');
  return new Uint8Array(await readFile(url));
}

/**
 * Makes the module ready on this thread; further calls wait for the first. Rejects with what the platform says when it
 * cannot be loaded; a failed load may be tried again.
 *
 * @param compiled Module compiled elsewhere, if the caller has one.
 */
export function loadWasm(compiled?: WebAssembly.Module): Promise<void> {
  loaded ??= instantiate(compiled).catch((error: unknown) => {
    loaded = null;
    throw error;
  });
  return loaded;
}

async function instantiate(compiled?: WebAssembly.Module): Promise<void> {
  ({ memory } = await init({ module_or_path: compiled ?? (await compileWasm()) }));
  const hasher = new module.Blake3();
  accelerateBlake3((parts) => {
    for (const part of parts) hasher.update(part);
    return hasher.digest();
  });
  ready = true;
}

/** Bytes of the module's memory. They move with the next call: to be copied before. Throws Error before `loadWasm`. */
export function wasmBytes(pointer: number, length: number): Uint8Array {
  if (memory === null) throw new Error('the WebAssembly module is not loaded: await loadWasm() first');
  return new Uint8Array(memory.buffer, pointer, length);
}

/**
 * Runs a call into the module. What it refuses (`code: message`) becomes a ProtocolError of `rule`; a trap
 * stays a WebAssembly.RuntimeError, after which the instance must not be used again. Throws Error before `loadWasm`.
 */
export function guarded<T>(rule: string, call: () => T): T {
  if (!ready) throw new Error('the WebAssembly module is not loaded: await loadWasm() first');
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof WebAssembly.RuntimeError) throw error;
    const [, code, message] = /^([a-z0-9-]+): (.*)$/s.exec(error.message) ?? [];
    if (!code || message === undefined) throw error;
    throw new ProtocolError({ code, rule, message, cause: error });
  }
}
