import { beforeAll, describe, expect, it } from 'vitest';
import { CHUNK_BYTES } from '../protocol/constants.ts';
import { extend } from './kzg.ts';
import { loadWasm } from './wasm.ts';

beforeAll(() => loadWasm());

const zeros = (values: number): Uint8Array => new Uint8Array(values * CHUNK_BYTES);

describe('values that cannot be extended', () => {
  it.each([
    [0, 'a power of two'],
    [6, 'a power of two'],
    [12, 'a power of two'],
    [16, 'at most 8'],
  ])('%i at scale 4 are refused for the first rule they break: %s', (values, reason) => {
    expect(() => extend(zeros(values), 4)).toThrow(reason);
  });

  it('are as many as fit otherwise', () => {
    expect(extend(zeros(8), 4)).toEqual(zeros(8));
  });
});
