import { describe, expect, test, vi } from 'vitest';
import { createInlinePool } from '../crypto/pool/inline.ts';
import type { PotAccelerator } from '../crypto/pot-helper.ts';
import type { GpuAccelerator } from '../crypto/gpu/verifier.ts';
import { accelerate } from './accelerate.ts';

function scene() {
  let opened: (accelerator: GpuAccelerator | null) => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  const close = vi.fn<() => void>();
  const accelerator = { verifier: { close }, gain: 3 } as unknown as GpuAccelerator;
  const used: (PotAccelerator | null)[] = [];
  const lines: string[] = [];
  const slowDown = accelerate(
    { usePotAccelerator: (given) => used.push(given) },
    createInlinePool(),
    {
      openAccelerator: () =>
        new Promise((resolve, reject) => {
          opened = resolve;
          failed = reject;
        }),
    },
    (line) => lines.push(line),
  );
  return {
    accelerator,
    close,
    used,
    lines,
    slowDown,
    open: (given: GpuAccelerator | null) => opened(given),
    fail: (error: Error) => failed(error),
  };
}

const settled = () => new Promise((done) => setTimeout(done));

describe('accelerate', () => {
  test('gives the processor to the chain, and back in the end', async () => {
    const { accelerator, used, open, close, slowDown } = scene();
    open(accelerator);
    await settled();
    expect(used).toEqual([accelerator]);
    slowDown();
    await settled();
    expect(used).toEqual([accelerator, null]);
    expect(close).toHaveBeenCalled();
  });

  test('gives back what comes after the end, unused', async () => {
    const { accelerator, used, open, close, slowDown } = scene();
    slowDown();
    open(accelerator);
    await settled();
    expect(used).toEqual([null]);
    expect(close).toHaveBeenCalled();
  });

  test('goes without what fails, and logs why', async () => {
    const { used, lines, fail } = scene();
    fail(new Error('no module'));
    await settled();
    expect(used).toEqual([]);
    expect(lines).toEqual([expect.stringContaining('no module')]);
  });
});
