import { describe, expect, it } from 'vitest';
import { recordedMetadata } from '../../tests/support/recorded-chain.ts';
import { tinyRuntime } from '../../tests/support/tiny-runtime.ts';
import { concat, fromHex, toHex, utf8 } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { decompressCode, describeRuntime, isRunnable } from './runtime-code.ts';

const metadata = recordedMetadata();
const NOTHING = new Map<string, Uint8Array | null>();
/** `zstd` of 4096 times the letter a, behind the network's mark of compressed code. */
const PREFIX = fromHex('52bc537646db8e05');
const COMPRESSED = concat(PREFIX, fromHex('28b52ffd00584d00001061610100fbf70116'));

describe('the code of a runtime', () => {
  it('is run for its metadata', async () => {
    const code = tinyRuntime(metadata);
    expect(isRunnable(code)).toBe(true);
    expect(await describeRuntime(code, NOTHING)).toEqual({ metadata, wanted: null });
  });

  it('names the value of the state that it lacks, and goes on with it', async () => {
    const key = utf8('a key');
    const code = tinyRuntime(metadata, { calls: { name: 'ext_storage_get_version_1', arguments: [key] } });
    expect(await describeRuntime(code, NOTHING)).toEqual({ metadata: null, wanted: key });
    for (const value of [Uint8Array.of(1, 2), null])
      expect(await describeRuntime(code, new Map([[toHex(key), value]]))).toEqual({ metadata, wanted: null });
  });

  it('is refused when it wants more, ends early, or points outside its memory', async () => {
    const hostile: [string, Uint8Array][] = [
      [
        'a call',
        tinyRuntime(metadata, { calls: { name: 'ext_storage_set_version_1', arguments: [utf8('k')] } }),
      ],
      ['a trap', tinyRuntime(metadata, { ends: 'in a trap' })],
      ['outside', tinyRuntime(metadata, { returns: (1000n << 32n) | 0xffff_fff0n })],
      ['too long', tinyRuntime(metadata, { returns: 0xffff_ffffn << 32n })],
      ['not metadata', tinyRuntime(metadata, { returns: (16n << 32n) | 1040n })],
      ['garbage', concat(tinyRuntime(metadata).subarray(0, 8), new Uint8Array(20).fill(0xaa))],
      ['compressed garbage', concat(PREFIX, new Uint8Array(40).fill(0x28))],
    ];
    for (const [what, code] of hostile) {
      const outcome = await describeRuntime(code, NOTHING).catch((error: unknown) => error);
      expect([what, outcome instanceof ProtocolError]).toEqual([what, true]);
    }
  });

  it('has no memory but what it is given, and no more of that than is allowed', async () => {
    const small = Uint8Array.of(1, 2, 3);
    const own = tinyRuntime(small, { ownMemory: true });
    await expect(describeRuntime(own, NOTHING)).rejects.toThrow('memory of its own');
    const reading = (...keys: Uint8Array[]) =>
      tinyRuntime(small, { calls: { name: 'ext_storage_get_version_1', arguments: keys } });
    const key = Uint8Array.of(1);
    const known = new Map([[toHex(key), new Uint8Array(130 * 2 ** 20)]]);
    expect(await describeRuntime(reading(key), known)).toMatchObject({ metadata: small });
    await expect(describeRuntime(reading(key, key), known)).rejects.toThrow('runtime-code');
  });

  it('is decompressed to 50 MiB at most', () => {
    // Blocks of zstd that say one byte 128 KiB times.
    const ofBlocks = (count: number): Uint8Array => {
      const blocks = Array.from({ length: count }, (_, index) => [
        index === count - 1 ? 3 : 2,
        0,
        0x10,
        0x61,
      ]);
      return concat(PREFIX, fromHex('28b52ffd0058'), Uint8Array.from(blocks.flat()));
    };
    expect(decompressCode(ofBlocks(400)).length).toBe(50 * 2 ** 20);
    expect(() => decompressCode(ofBlocks(401))).toThrow('too large');
  });

  it('is decompressed, and a text is told from it', () => {
    expect(isRunnable(utf8('Allotment local network'))).toBe(false);
    expect(isRunnable(COMPRESSED)).toBe(true);
    expect(decompressCode(utf8('plain'))).toEqual(utf8('plain'));
    expect(decompressCode(COMPRESSED)).toEqual(new Uint8Array(4096).fill(0x61));
  });
});
