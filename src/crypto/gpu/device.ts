/** The graphics processor, as everything here that computes on it opens it. */
import { pause } from '../../async/pause.ts';
import { messageOf } from '../../protocol/errors.ts';

/** Flags of the WebGPU standard, whose names the compiler's types lack. */
export const Usage = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 } as const;
/** Flag of the same standard: a buffer is mapped to be read. */
export const MAP_MODE_READ = 1;

/** The graphics processor failed: it was lost, or does not do what it is asked. */
export class GpuError extends Error {
  readonly sentence = 'The graphics processor does not do its work; the cores do.';

  constructor(message: string) {
    super(message);
    this.name = 'GpuError';
  }
}

/** A table is larger than its buffers, as very few are; the next one may well fit. */
export class TableTooLargeError extends GpuError {
  constructor(message: string) {
    super(message);
    this.name = 'TableTooLargeError';
  }
}

/** What the browser throws about a device, as a GpuError. */
export function gpuError(error: unknown): GpuError {
  if (error instanceof GpuError) return error;
  return new GpuError(messageOf(error));
}

/** A device that was opened. */
export interface OpenDevice {
  device: GPUDevice;
  /** What the browser tells of the processor. */
  adapter: string;
}

/** Chromium answers “none” while its own process for graphics starts anew, which the first question can make it do. */
const ASKED_AT_MOST = 5;
const BETWEEN_ASKING_MS = 250;

async function fastestAdapter(): Promise<GPUAdapter | null> {
  const gpu = globalThis.navigator?.gpu;
  if (gpu === undefined) return null;
  for (let asked = 1; ; asked += 1) {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter !== null || asked === ASKED_AT_MOST) return adapter;
    await pause(BETWEEN_ASKING_MS);
  }
}

/**
 * A device of the fastest processor within the limits that every one has; null where there is none. One that the
 * cores play (`emulated`) will do for tests only: it is slower than the cores themselves.
 */
export async function openDevice(emulated: boolean): Promise<OpenDevice | null> {
  const adapter = await fastestAdapter();
  if (adapter === null || (adapter.info.isFallbackAdapter && !emulated)) return null;
  const { vendor, architecture } = adapter.info;
  return { device: await adapter.requestDevice(), adapter: `${vendor} ${architecture}`.trim() };
}

/** Runs what makes shaders and pipelines. Destroys the device and throws GpuError when the browser refuses them. */
export async function validated<T>(device: GPUDevice, make: () => T): Promise<T> {
  device.pushErrorScope('validation');
  const made = make();
  const error = await device.popErrorScope();
  if (error === null) return made;
  device.destroy();
  throw new GpuError(error.message);
}
