import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordedChain } from '../../tests/support/recorded-chain.ts';
import { damaged, isStrict, takes } from '../../tests/support/damaged.ts';
import { tinyRuntime } from '../../tests/support/tiny-runtime.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { concat, fromHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { decodeHeader, encodeHeader, fromRpcHeader, toRpcHeader } from '../protocol/header.ts';
import { decodeJustification, encodeJustification } from '../protocol/justification.ts';
import { formatCheckpoint, parseCheckpoint } from './checkpoint-text.ts';
import { decodeRuntimeConstants, encodeRuntimeConstants } from './constants.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';
import { metadataOfCode } from './runtime-code.ts';
import { readBlock } from './rules/header.ts';

const blocks = recordedChain('chain').blocks.slice(0, 160);
const RUNS = { numRuns: 1_500 };

const someBlock = fc.constantFrom(...blocks);

describe('decoders', () => {
  it('of headers accept nothing but the one form of a header', () => {
    const bytes = someBlock.chain(({ header }) => damaged(encodeHeader(header)));
    fc.assert(
      fc.property(bytes, (input) => {
        expect(isStrict(input, decodeHeader, encodeHeader)).toBe(true);
      }),
      RUNS,
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        expect(isStrict(input, decodeHeader, encodeHeader)).toBe(true);
      }),
      RUNS,
    );
  });

  it('of justifications accept nothing but the one form of a justification', () => {
    const bytes = someBlock.chain(({ justification }) => damaged(justification as Uint8Array));
    fc.assert(
      fc.property(bytes, (input) => {
        expect(isStrict(input, decodeJustification, encodeJustification)).toBe(true);
      }),
      RUNS,
    );
    const claims = fc.uint8Array({ minLength: 22, maxLength: 40 }).map((input) => {
      input.set([0], 0);
      input.set([0xfe, 0xff, 0xff, 0xff], 17);
      return input;
    });
    fc.assert(
      fc.property(claims, (input) => {
        expect(isStrict(input, decodeJustification, encodeJustification)).toBe(true);
      }),
    );
  });

  it('of constants accept nothing but their one form, and no zero', () => {
    const honest = encodeRuntimeConstants(PUBLIC_CONSTANTS);
    fc.assert(
      fc.property(damaged(honest), (input) => {
        expect(isStrict(input, decodeRuntimeConstants, encodeRuntimeConstants)).toBe(true);
      }),
      RUNS,
    );
    for (let at = 1; at < honest.length; at += 1) {
      const zeroed = honest.slice();
      zeroed.fill(0, at, at + 8);
      expect(isStrict(zeroed, decodeRuntimeConstants, encodeRuntimeConstants)).toBe(true);
    }
  });

  it('of items and whole blocks refuse with ProtocolError and nothing else', () => {
    const changed = someBlock.chain(({ header, justification }) =>
      fc
        .record({
          header: fc.record({
            item: fc.nat(header.digest.length - 1),
            data: fc.uint8Array({ maxLength: 500 }),
            double: fc.boolean(),
          }),
          justification: fc.option(damaged(justification as Uint8Array)),
        })
        .map(({ header: change, justification: payload }) => {
          const digest = header.digest.flatMap((item, index) => {
            if (index !== change.item || item.kind === 'runtimeEnvironmentUpdated') return [item];
            const other = { ...item, data: change.data };
            return change.double ? [item, other] : [other];
          });
          return { header: { ...header, digest }, justification: payload };
        }),
    );
    fc.assert(
      fc.property(changed, (block) => {
        expect(takes(() => subspaceDigests(block.header))).toBe(true);
        expect(takes(() => readBlock(block))).toBe(true);
      }),
      RUNS,
    );
  });

  it('of the RPC’s headers take any JSON', () => {
    const json = fc.oneof(
      fc.jsonValue(),
      someBlock.chain(({ header }) => {
        const honest = toRpcHeader(header) as unknown as Record<string, unknown>;
        return fc
          .tuple(fc.constantFrom(...Object.keys(honest)), fc.jsonValue())
          .map(([key, value]) => ({ ...honest, [key]: value }));
      }),
    );
    fc.assert(
      fc.property(json, (input) => {
        expect(takes(() => fromRpcHeader(input))).toBe(true);
      }),
      RUNS,
    );
  });

  it('of a runtime’s code end in metadata or are refused', async () => {
    const pool = createInlinePool();
    const code = tinyRuntime(Uint8Array.from({ length: 40 }, (_, index) => index));
    const mark = fromHex('52bc537646db8e05');
    const input = fc.oneof(
      damaged(code),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => concat(mark, bytes)),
    );
    await fc.assert(
      fc.asyncProperty(input, async (bytes) => {
        const outcome = await metadataOfCode(pool, bytes, async () => [null]).catch(
          (error: unknown) => error,
        );
        expect(outcome instanceof Uint8Array || outcome instanceof ProtocolError).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('of checkpoints as text give what is written again as it was, or refuse', () => {
    const honest = formatCheckpoint(new Uint8Array(32).fill(1), 77, new Uint8Array(32).fill(2));
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(honest.length), fc.string()).map(([at, put]) => honest.slice(0, at) + put),
      fc.nat(999_999_999).map((number) => honest.replace(':77:', `:${number}:`)),
    );
    fc.assert(
      fc.property(text, (input) => {
        const works = takes(() => {
          const { genesisHash, number, hash } = parseCheckpoint(input);
          if (genesisHash === null || number === null) return;
          if (formatCheckpoint(genesisHash, number, hash) !== input.trim().toLowerCase())
            throw new Error('read as something else');
        });
        expect(works).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
