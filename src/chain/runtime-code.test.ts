import { describe, expect, it } from 'vitest';
import { recordedMetadata } from '../../tests/support/recorded-chain.ts';
import { tinyRuntime } from '../../tests/support/tiny-runtime.ts';
import { concat, fromHex, utf8 } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { decompressCode, isRunnable, metadataOfCode } from './runtime-code.ts';

const metadata = recordedMetadata();
const nothing = () => Promise.reject(new Error('nothing is to be read'));
/** `zstd` of 4096 times the letter a, behind the network's mark of compressed code. */
const PREFIX = fromHex('52bc537646db8e05');
const COMPRESSED = concat(PREFIX, fromHex('28b52ffd00584d00001061610100fbf70116'));

describe('the code of a runtime', () => {
  it('is run for its metadata', async () => {
    const code = tinyRuntime(metadata);
    expect(isRunnable(code)).toBe(true);
    expect(await metadataOfCode(code, nothing)).toEqual(metadata);
  });

  it('reads the state it asks for, each value once', async () => {
    const key = utf8('a key');
    const code = tinyRuntime(metadata, { calls: { name: 'ext_storage_get_version_1', arguments: [key] } });
    const asked: Uint8Array[] = [];
    const found = await metadataOfCode(code, async (keys) => {
      asked.push(...keys);
      return [Uint8Array.of(1, 2)];
    });
    expect(found).toEqual(metadata);
    expect(asked).toEqual([key]);
    const lost = metadataOfCode(code, () => Promise.reject(new Error('the state is gone')));
    await expect(lost).rejects.toThrow('the state is gone');
  });

  it('is refused when it wants more, ends early, or points outside its memory', async () => {
    const hostile: [string, Uint8Array][] = [
      [
        'a call',
        tinyRuntime(metadata, { calls: { name: 'ext_storage_set_version_1', arguments: [utf8('k')] } }),
      ],
      ['a trap', tinyRuntime(metadata, { traps: true })],
      ['outside', tinyRuntime(metadata, { returns: (1000n << 32n) | 0xffff_fff0n })],
      ['too long', tinyRuntime(metadata, { returns: 0xffff_ffffn << 32n })],
      ['not metadata', tinyRuntime(metadata, { returns: (16n << 32n) | 1040n })],
      ['garbage', concat(tinyRuntime(metadata).subarray(0, 8), new Uint8Array(20).fill(0xaa))],
      ['compressed garbage', concat(PREFIX, new Uint8Array(40).fill(0x28))],
    ];
    for (const [what, code] of hostile) {
      const outcome = await metadataOfCode(code, nothing).catch((error: unknown) => error);
      expect([what, outcome instanceof ProtocolError]).toEqual([what, true]);
    }
  });

  it('has no memory but what it is given, and no more of that than is allowed', async () => {
    const small = Uint8Array.of(1, 2, 3);
    await expect(metadataOfCode(tinyRuntime(small, { ownMemory: true }), nothing)).rejects.toThrow(
      'memory of its own',
    );
    const reading = (values: number) =>
      tinyRuntime(small, {
        calls: {
          name: 'ext_storage_get_version_1',
          arguments: Array.from({ length: values }, (_, index) => Uint8Array.of(index)),
        },
      });
    const large = new Uint8Array(130 * 2 ** 20);
    expect(await metadataOfCode(reading(1), async () => [large])).toEqual(small);
    await expect(metadataOfCode(reading(2), async () => [large])).rejects.toThrow('runtime-code');
    expect(await metadataOfCode(reading(64), async () => [null])).toEqual(small);
    await expect(metadataOfCode(reading(65), async () => [null])).rejects.toThrow('too much of the state');
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
