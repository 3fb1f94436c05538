/**
 * Verifies proofs of time on the graphics processor, all checkpoints of many slots side by side. One chain alone is
 * slow there: it pays for catching up, where hundreds of slots wait.
 */
import { onAbort } from '../../async/on-abort.ts';
import { CHECKPOINTS_IN_SLOT } from '../../protocol/constants.ts';
import { messageOf } from '../../protocol/errors.ts';
import { JobPriority, type ComputePool } from '../jobs.ts';
import type { PotAccelerator, PotHelper } from '../pot-helper.ts';
import type { PotSlot } from '../pot-slot.ts';
import { GpuError, gpuError, MAP_MODE_READ, openDevice, Usage, validated } from './device.ts';
import { firstWrong, pack } from './layout.ts';
import { SHADER, WORKGROUP } from './shader.ts';

/** Slots that one batch takes. */
const MAX_BATCH = 2_048;
/** Work handed over at once: short enough for the screen to be drawn in between. */
const STEP_MS = 60;
const FIRST_STEP_ITERATIONS = 64;
/** What the measurement walks: as many slots as a batch of blocks brings. */
const MEASURED_SLOTS = 512;
const MEASURED_MS = 150;
/** Iterations of the slot that each worker of the pool is measured with. */
const POOL_ITERATIONS = 1_600_000;
const INVOCATIONS_PER_SLOT = 4;
/** A call of `verify` until its slots are judged. */
interface Request {
  slots: readonly PotSlot[];
  signal: AbortSignal | undefined;
  done(verdicts: (number | null)[]): void;
  failed(error: unknown): void;
}

/** Proof of time verified on the graphics processor: many slots side by side. */
export class GpuVerifier implements PotHelper {
  readonly name = 'webgpu';
  readonly maxIterations = 0xffffffff;
  private waiting: Request[] = [];
  private busy = false;
  private lost: string | null = null;
  /** Iterations of a step that took about `STEP_MS`. */
  private step = FIRST_STEP_ITERATIONS;

  private constructor(
    private readonly device: GPUDevice,
    private readonly pipeline: GPUComputePipeline,
    /** What the browser tells of the processor. */
    readonly adapter: string,
  ) {
    void device.lost.then(({ message }) => this.end(message === '' ? 'the device was lost' : message));
  }

  /** Null where there is no graphics processor. `emulated`: one that the cores play will do; for tests. */
  static async open(emulated = false): Promise<GpuVerifier | null> {
    const opened = await openDevice(emulated);
    if (opened === null) return null;
    const { device, adapter } = opened;
    const pipeline = await validated(device, () => {
      const module = device.createShaderModule({ code: SHADER });
      return device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'walk' } });
    });
    return new GpuVerifier(device, pipeline, adapter);
  }

  /** As of a helper; slots of calls side by side are walked together. Throws GpuError; the signal's reason. */
  verify(slots: readonly PotSlot[], signal?: AbortSignal): Promise<(number | null)[]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.lost !== null) return reject(new GpuError(this.lost));
      if (slots.length === 0) return resolve([]);
      const end = (): void => {
        leave();
        this.waiting = this.waiting.filter((other) => other !== request);
      };
      const request: Request = {
        slots,
        signal,
        done: (verdicts) => {
          end();
          resolve(verdicts);
        },
        failed: (error) => {
          end();
          reject(error);
        },
      };
      const leave = onAbort(signal, () => request.failed(signal?.reason));
      this.waiting.push(request);
      // Calls made in the same breath are walked together.
      queueMicrotask(() => void this.work());
    });
  }

  /** Its verdicts were found to be wrong: a driver that miscalculates is not used again. */
  distrust(what: string): void {
    this.end(what);
  }

  /** Gives the processor back. */
  close(): void {
    this.end('closed');
  }

  /** Iterations a second for as many slots as catching up brings. Throws GpuError. */
  async measure(): Promise<number> {
    const seed = new Uint8Array(16);
    const checkpoints = new Uint8Array(CHECKPOINTS_IN_SLOT * 16);
    const timed = async (iterations: number): Promise<number> => {
      const slots = Array.from({ length: MEASURED_SLOTS }, () => ({
        slot: 0n,
        seed,
        iterations,
        checkpoints,
      }));
      const started = performance.now();
      await this.walk(slots, () => true);
      return performance.now() - started;
    };
    // The first walk compiles the shader.
    await timed(16);
    for (let iterations = 128; ; iterations *= 4) {
      const took = await timed(iterations);
      if (took > MEASURED_MS) return (1_000 * MEASURED_SLOTS * iterations) / took;
    }
  }

  private end(why: string): void {
    if (this.lost !== null) return;
    this.lost = why;
    this.device.destroy();
    for (const request of this.waiting) request.failed(new GpuError(why));
  }

  private async work(): Promise<void> {
    if (this.busy || this.lost !== null) return;
    this.busy = true;
    while (this.waiting.length > 0) {
      const batch = this.nextBatch();
      const slots = batch.flatMap((request) => [...request.slots]);
      try {
        const verdicts = await this.walk(slots, () => batch.some(({ signal }) => signal?.aborted !== true));
        let at = 0;
        for (const request of batch) request.done(verdicts.slice(at, (at += request.slots.length)));
      } catch (error) {
        for (const request of batch) request.failed(error);
      }
    }
    this.busy = false;
  }

  /** Whole calls, so that none waits for another's batch. */
  private nextBatch(): Request[] {
    let count = 0;
    let slots = 0;
    for (const request of this.waiting) {
      slots += request.slots.length;
      if (count > 0 && slots > MAX_BATCH) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  /** First wrong checkpoint of each slot; ends early, with nothing of use, when nobody is `wanting` it any more. */
  private async walk(slots: readonly PotSlot[], wanting: () => boolean): Promise<(number | null)[]> {
    const { device } = this;
    const { keys, states, lengths } = pack(slots);
    const buffers: GPUBuffer[] = [];
    const buffer = (size: number, usage: number): GPUBuffer => {
      const made = device.createBuffer({ size, usage });
      buffers.push(made);
      return made;
    };
    const filled = (data: Uint32Array<ArrayBuffer>, usage: number): GPUBuffer => {
      const made = buffer(data.byteLength, usage | Usage.COPY_DST);
      device.queue.writeBuffer(made, 0, data);
      return made;
    };
    try {
      const walked = filled(states, Usage.STORAGE | Usage.COPY_SRC);
      const params = buffer(16, Usage.UNIFORM | Usage.COPY_DST);
      const entries = [filled(keys, Usage.STORAGE), walked, filled(lengths, Usage.STORAGE), params].map(
        (made, binding) => ({ binding, resource: { buffer: made } }),
      );
      const bindings = device.createBindGroup({ layout: this.pipeline.getBindGroupLayout(0), entries });
      const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
      for (let done = 0; done < longest && wanting();) {
        const count = Math.min(this.step, longest - done);
        const started = performance.now();
        device.queue.writeBuffer(params, 0, Uint32Array.of(slots.length, done, count));
        this.dispatch(bindings, slots.length);
        await device.queue.onSubmittedWorkDone();
        if (this.lost !== null) throw new GpuError(this.lost);
        this.adapt(performance.now() - started, count);
        done += count;
      }
      const result = buffer(states.byteLength, Usage.MAP_READ | Usage.COPY_DST);
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(walked, 0, result, 0, states.byteLength);
      device.queue.submit([encoder.finish()]);
      await result.mapAsync(MAP_MODE_READ);
      return firstWrong(slots, new Uint32Array(result.getMappedRange()));
    } catch (error) {
      throw gpuError(error);
    } finally {
      for (const made of buffers) made.destroy();
    }
  }

  private dispatch(bindings: GPUBindGroup, slots: number): void {
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(Math.ceil((slots * INVOCATIONS_PER_SLOT) / WORKGROUP));
    pass.end();
    this.device.queue.submit([encoder.finish()]);
  }

  /** Steps grow slowly and shrink at once, so that none comes near the time after which a driver gives up. */
  private adapt(took: number, count: number): void {
    const wished = (count * STEP_MS) / Math.max(0.5, took);
    this.step = Math.max(1, Math.floor(Math.min(wished, 2 * this.step)));
  }
}

/** The graphics processor, to be given back in the end. */
export interface GpuAccelerator extends PotAccelerator {
  verifier: GpuVerifier;
}

/**
 * The graphics processor, if a measurement now shows it to be faster than the pool's workers. Null: there is none,
 * or it is slower, or it fails. `log` gets what was measured.
 */
export async function openAccelerator(
  pool: ComputePool,
  log: (line: string) => void,
): Promise<GpuAccelerator | null> {
  let verifier: GpuVerifier | null = null;
  try {
    verifier = await GpuVerifier.open();
    if (verifier === null) return null;
    const workers = await measurePool(pool);
    const own = await verifier.measure();
    const gain = own / workers;
    log(
      `WebGPU (${verifier.adapter}) walks ${(own / 1e6).toFixed(0)} M iterations/s, the workers ${(workers / 1e6).toFixed(0)} M`,
    );
    if (gain > 1) return { verifier, gain };
  } catch (error) {
    log(`WebGPU is not used: ${messageOf(error)}`);
  }
  verifier?.close();
  return null;
}

/** Iterations a second of all workers together. */
async function measurePool(pool: ComputePool): Promise<number> {
  const { workers } = pool.status();
  const options = { priority: JobPriority.catchUp };
  const slot = { seed: new Uint8Array(16), iterations: POOL_ITERATIONS };
  const { checkpoints } = await pool.run('pot.prove', slot, options);
  const each = <T>(run: () => Promise<T>) => Promise.all(Array.from({ length: workers }, run));
  // The first job of a worker loads it and measures its own walkers.
  await each(() => pool.run('pot.walker', { checkpoints: CHECKPOINTS_IN_SLOT }, options));
  const started = performance.now();
  await each(() => pool.run('pot.verify', { ...slot, checkpoints }, options));
  return (1_000 * workers * POOL_ITERATIONS) / (performance.now() - started);
}
