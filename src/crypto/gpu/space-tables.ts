/** Makes proof-of-space tables on the graphics processor, one after the other, and what encoding needs of them. */
import { InOrder } from '../../async/in-order.ts';
import { PROOF_OF_SPACE_BYTES, S_BUCKETS } from '../../protocol/constants.ts';
import type { SBucket } from '../../protocol/types.ts';
import type { RecordMasks, TableMaker } from '../table-maker.ts';
import {
  GpuError,
  gpuError,
  MAP_MODE_READ,
  openDevice,
  TableTooLargeError,
  Usage,
  validated,
} from './device.ts';
import { BUFFER_BYTES, type BufferName } from './space-layout.ts';
import type { Kernel } from './kernel.ts';
import { clearedFor, TABLE_STEPS } from './space-shaders.ts';

/** A table made sooner than this is handed over whole: nobody sees that the screen waited for it. */
const QUICK_MS = 40;

/** Proofs that are read back to be checked. */
const SAMPLES = 16;

const MASK_BYTES = BUFFER_BYTES.masks;
const SAMPLE_BYTES = SAMPLES * PROOF_OF_SPACE_BYTES;

interface Step {
  pipeline: GPUComputePipeline;
  bindings: GPUBindGroup;
  workgroups: number;
}

/** Tables of proof of space made on the graphics processor, one at a time. */
export class GpuTables implements TableMaker {
  private readonly runs = new InOrder();
  private lost: string | null = null;
  /** Whether the table before was made within `QUICK_MS`. */
  private quick = false;

  private constructor(
    private readonly device: GPUDevice,
    readonly adapter: string,
    private readonly buffers: Readonly<Record<BufferName, GPUBuffer>>,
    /** By table, in order. */
    private readonly tables: readonly (readonly Step[])[],
    private readonly result: GPUBuffer,
  ) {
    void device.lost.then(({ message }) => this.end(message === '' ? 'the device was lost' : message));
  }

  /**
   * Null where there is no graphics processor. Throws GpuError when it refuses. `emulated`: one that the cores play
   * will do; for tests.
   */
  static async open(emulated = false): Promise<GpuTables | null> {
    const opened = await openDevice(emulated);
    if (opened === null) return null;
    const { device, adapter } = opened;
    const [buffers, tables, result] = await validated(device, () => {
      const made = makeBuffers(device);
      const read = device.createBuffer({
        size: MASK_BYTES + SAMPLE_BYTES + BUFFER_BYTES.overflow,
        usage: Usage.MAP_READ | Usage.COPY_DST,
      });
      return [made, makeSteps(device, made), read] as const;
    });
    return new GpuTables(device, adapter, buffers, tables, result);
  }

  masks(seed: Uint8Array, signal?: AbortSignal): Promise<RecordMasks> {
    return this.runs.run(() => {
      signal?.throwIfAborted();
      return this.make(seed, signal);
    });
  }

  /** What buffers hold after the table of this number was made of the one before, which is there; for tests. */
  async inspect<N extends BufferName>(
    seed: Uint8Array,
    table: number,
    names: readonly N[],
  ): Promise<Record<N, Uint32Array>> {
    await this.run(seed, table, table);
    const words = async (name: N): Promise<[N, Uint32Array]> => {
      const size = BUFFER_BYTES[name];
      const read = this.device.createBuffer({ size, usage: Usage.MAP_READ | Usage.COPY_DST });
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(this.buffers[name], 0, read, 0, size);
      this.device.queue.submit([encoder.finish()]);
      await read.mapAsync(MAP_MODE_READ);
      const copy = new Uint32Array(read.getMappedRange()).slice();
      read.destroy();
      return [name, copy];
    };
    return Object.fromEntries(await Promise.all(names.map(words))) as Record<N, Uint32Array>;
  }

  distrust(why: string): void {
    this.end(why);
  }

  close(): void {
    this.end('closed');
  }

  private end(why: string): void {
    if (this.lost !== null) return;
    this.lost = why;
    this.device.destroy();
  }

  private async make(seed: Uint8Array, signal?: AbortSignal): Promise<RecordMasks> {
    try {
      const started = performance.now();
      await this.run(seed, 1, this.tables.length, signal);
      const masks = await this.read();
      this.quick = performance.now() - started < QUICK_MS;
      return masks;
    } catch (error) {
      if (this.lost !== null) throw new GpuError(this.lost);
      signal?.throwIfAborted();
      throw gpuError(error);
    }
  }

  /**
   * Makes tables from one number to another. A processor that is not quick is handed each by itself, so that the
   * screen is drawn in between; for one that is, the waiting would take longer than the work.
   */
  private async run(seed: Uint8Array, from: number, to: number, signal?: AbortSignal): Promise<void> {
    const { device, buffers } = this;
    device.queue.writeBuffer(buffers.seed, 0, Uint8Array.from(seed));
    for (let table = from; table <= to; table += 1) {
      if (this.lost !== null) throw new GpuError(this.lost);
      signal?.throwIfAborted();
      const encoder = device.createCommandEncoder();
      for (const name of clearedFor(table)) encoder.clearBuffer(buffers[name]);
      const pass = encoder.beginComputePass();
      for (const { pipeline, bindings, workgroups } of this.tables[table - 1]!) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindings);
        pass.dispatchWorkgroups(workgroups);
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
      if (!this.quick) await device.queue.onSubmittedWorkDone();
    }
  }

  private async read(): Promise<RecordMasks> {
    const { device, buffers, result } = this;
    const sBuckets = randomSBuckets();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffers.masks, 0, result, 0, MASK_BYTES);
    sBuckets.forEach((sBucket, sample) => {
      const to = MASK_BYTES + sample * PROOF_OF_SPACE_BYTES;
      encoder.copyBufferToBuffer(
        buffers.proofs,
        sBucket * PROOF_OF_SPACE_BYTES,
        result,
        to,
        PROOF_OF_SPACE_BYTES,
      );
    });
    encoder.copyBufferToBuffer(buffers.overflow, 0, result, MASK_BYTES + SAMPLE_BYTES, BUFFER_BYTES.overflow);
    device.queue.submit([encoder.finish()]);
    await result.mapAsync(MAP_MODE_READ);
    try {
      const bytes = new Uint8Array(result.getMappedRange());
      const overflow = bytes[MASK_BYTES + SAMPLE_BYTES]!;
      if (overflow !== 0) throw new TableTooLargeError(`a table does not fit (${overflow})`);
      const proof = (sample: number): Uint8Array => {
        const from = MASK_BYTES + sample * PROOF_OF_SPACE_BYTES;
        return bytes.slice(from, from + PROOF_OF_SPACE_BYTES);
      };
      return {
        masks: bytes.slice(0, MASK_BYTES),
        samples: sBuckets.map((sBucket, sample) => ({ sBucket, proof: proof(sample) })),
      };
    } finally {
      result.unmap();
    }
  }
}

function randomSBuckets(): SBucket[] {
  return [...crypto.getRandomValues(new Uint16Array(SAMPLES))].map((value) => value % S_BUCKETS);
}

function makeBuffers(device: GPUDevice): Record<BufferName, GPUBuffer> {
  const usage = Usage.STORAGE | Usage.COPY_SRC | Usage.COPY_DST;
  const names = Object.keys(BUFFER_BYTES) as BufferName[];
  return Object.fromEntries(
    names.map((name) => [name, device.createBuffer({ size: BUFFER_BYTES[name], usage })]),
  ) as Record<BufferName, GPUBuffer>;
}

/** Kernels of the same code share a pipeline. */
function makeSteps(device: GPUDevice, buffers: Record<BufferName, GPUBuffer>): Step[][] {
  const made = new Map<string, Step>();
  const step = (kernel: Kernel): Step => {
    const module = device.createShaderModule({ code: kernel.code });
    const pipeline = device.createComputePipeline({
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    const entries = kernel.buffers.map((name, binding) => ({ binding, resource: { buffer: buffers[name] } }));
    const bindings = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    return { pipeline, bindings, workgroups: kernel.workgroups };
  };
  return TABLE_STEPS.map((steps) =>
    steps.map((kernel) => {
      const known = made.get(kernel.name) ?? step(kernel);
      made.set(kernel.name, known);
      return known;
    }),
  );
}
