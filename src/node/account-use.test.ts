import { beforeAll, describe, expect, it } from 'vitest';
import { recordedMetadata, recordedStates, type RecordedState } from '../../tests/support/recorded-states.ts';
import type { ChainBlock } from '../chain/verified-blocks.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { decodeExtrinsic } from '../protocol/extrinsic.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { proveUse } from './account-use.ts';

let metadata: RuntimeMetadata;
let states: RecordedState[];

beforeAll(async () => {
  await loadWasm();
  metadata = recordedMetadata();
  states = recordedStates(20);
});

/** The recorded chain, all of it final. */
const blocks = {
  ready: async () => ({ head: blockOf(states.length - 1), metadata }),
  ancient: async (number: number) => blockOf(number),
  body: async ({ number }: ChainBlock) => states[number]!.extrinsics,
};

function blockOf(number: number): ChainBlock {
  const { header, hash } = states[number]!;
  return { header, number, hash };
}

function signersIn({ extrinsics }: RecordedState): Uint8Array[] {
  return extrinsics
    .map((bytes) => decodeExtrinsic(bytes))
    .flatMap((one) => (one.kind === 'signed' ? [one.signer] : []));
}

describe('the use of an account', () => {
  it('is what it signed in a block, at that block’s time', async () => {
    const number = states.findIndex((state) => signersIn(state).length > 0);
    const [signer] = signersIn(states[number]!);
    const { at, block } = (await proveUse(blocks, signer!, number))!;
    expect(block).toBe(number);
    const later = states.findIndex((state, index) => index > number && signersIn(state).length > 0);
    const [other] = signersIn(states[later]!);
    expect((await proveUse(blocks, other!, later))!.at).toBeGreaterThan(at);
    expect(new Date(at).getUTCFullYear()).toBeGreaterThan(2023);
  });

  it('is not what others signed', async () => {
    const number = states.findIndex((state) => signersIn(state).length > 0);
    expect(await proveUse(blocks, new Uint8Array(32).fill(9), number)).toBeNull();
    const quiet = states.findIndex((state, index) => index > 0 && signersIn(state).length === 0);
    const [signer] = signersIn(states[number]!);
    expect(await proveUse(blocks, signer!, quiet)).toBeNull();
  });
});
