import { describe, expect, test } from 'vitest';
import { BUFFER_BYTES, BUCKET_SLOTS, CAPACITY, ENTRIES, EXT_BITS, POSITION_BITS } from './space-layout.ts';
import type { Kernel } from './kernel.ts';
import { TABLE_STEPS } from './space-shaders.ts';

/** What every WebGPU device offers without being asked. */
const LIMITS = {
  maxStorageBufferBindingSize: 134_217_728,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupsPerDimension: 65_535,
};

const kernels = new Map(TABLE_STEPS.flat().map((kernel) => [kernel.name, kernel]));

/** Bytes of a WGSL type as it occurs in workgroup memory. */
function sizeOf(type: string): number {
  const array = /^array<(.+), (\d+)>$/.exec(type);
  if (array !== null) return Number(array[2]) * sizeOf(array[1]!);
  return { u32: 4, 'atomic<u32>': 4, 'vec2<u32>': 8 }[type] ?? Number.NaN;
}

function workgroupBytes({ code }: Kernel): number {
  const declared = code.matchAll(/var<workgroup> \w+: (.+);/g);
  return [...declared].reduce((sum, [, type]) => sum + sizeOf(type!), 0);
}

test.each(Object.entries<number>(BUFFER_BYTES))('the buffer %s fits unasked', (_, size) => {
  expect(size % 4).toBe(0);
  expect(size).toBeLessThanOrEqual(LIMITS.maxStorageBufferBindingSize);
});

test('all buffers together are small enough for a phone', () => {
  const together = Object.values<number>(BUFFER_BYTES).reduce((sum, size) => sum + size, 0);
  expect(together).toBeLessThan(192 * 2 ** 20);
});

describe.each([...kernels])('the kernel %s', (_, kernel) => {
  test('keeps to the limits that every device has', () => {
    const [, size] = /@workgroup_size\((\d+)\)/.exec(kernel.code)!;
    expect(Number(size)).toBeLessThanOrEqual(LIMITS.maxComputeInvocationsPerWorkgroup);
    expect(kernel.workgroups).toBeLessThanOrEqual(LIMITS.maxComputeWorkgroupsPerDimension);
    expect(Number.isInteger(kernel.workgroups)).toBe(true);
    expect(kernel.buffers.length).toBeLessThanOrEqual(LIMITS.maxStorageBuffersPerShaderStage);
    expect(workgroupBytes(kernel)).toBeLessThanOrEqual(LIMITS.maxComputeWorkgroupStorageSize);
  });

  test('binds each buffer once, and what it binds it uses', () => {
    expect(new Set(kernel.buffers).size).toBe(kernel.buffers.length);
    const bound = [...kernel.code.matchAll(/var<storage, \w+> (\w+):/g)].map(([, name]) => name!);
    const unused = bound.filter((name) => kernel.code.match(new RegExp(`\\b${name}\\b`, 'g'))!.length < 2);
    expect(unused).toEqual([]);
  });

  test('is the same wherever it stands', () => {
    for (const other of TABLE_STEPS.flat().filter(({ name }) => name === kernel.name))
      expect(other).toEqual(kernel);
  });
});

test('what is packed into a word fits into it', () => {
  expect(CAPACITY).toBeGreaterThan(ENTRIES);
  expect(CAPACITY).toBeLessThanOrEqual(2 ** POSITION_BITS);
  expect(POSITION_BITS + EXT_BITS).toBeLessThanOrEqual(31);
  expect(BUCKET_SLOTS).toBeLessThanOrEqual(2 ** 16);
});
