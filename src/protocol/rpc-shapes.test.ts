import { describe, expect, it } from 'vitest';
import { decodeSignedBlock, encodeSignedBlock } from './block.ts';
import { toHex } from './bytes.ts';
import { SUBSPACE_ENGINE } from './constants.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import {
  decodeHeader,
  encodeHeader,
  fromRpcHeader,
  headerHash,
  MAX_HEADER_BYTES,
  sealOf,
  toRpcHeader,
} from './header.ts';
import {
  decodeJustification,
  encodeJustification,
  findJustification,
  fromRpcJustifications,
  subspaceJustification,
  toRpcJustifications,
} from './justification.ts';
import { nextPotInput, requireIterations, samePotInput } from './pot.ts';
import { solutionFromJson, solutionToJson } from './solution.ts';
import type { DigestItem, Header, Solution } from './types.ts';
import { decodeVote, encodeVote } from './vote.ts';

const HEADER: Header = {
  parentHash: new Uint8Array(32).fill(1),
  number: 300,
  stateRoot: new Uint8Array(32).fill(2),
  extrinsicsRoot: new Uint8Array(32).fill(3),
  digest: [{ kind: 'other', data: Uint8Array.of(1) }],
};
const SOLUTION: Solution = {
  publicKey: new Uint8Array(32).fill(1),
  rewardAddress: new Uint8Array(32).fill(2),
  sectorIndex: 3,
  historySize: 1n,
  pieceOffset: 4,
  recordCommitment: new Uint8Array(48).fill(5),
  recordWitness: new Uint8Array(48).fill(6),
  chunk: new Uint8Array(32).fill(7),
  chunkWitness: new Uint8Array(48).fill(8),
  proofOfSpace: new Uint8Array(160).fill(9),
};
const JUSTIFICATION = { seed: new Uint8Array(16).fill(1), checkpoints: [new Uint8Array(128).fill(2)] };

function ruleOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    return error instanceof ProtocolError ? error.rule : String(error);
  }
}

describe('header', () => {
  it('in the shape of JSON-RPC is whole and of the right kinds', () => {
    const json = toRpcHeader(HEADER);
    expect(fromRpcHeader(json)).toEqual(HEADER);
    const wrong: unknown[] = [null, undefined, 'header', 7, {}, [json]];
    for (const field of ['parentHash', 'number', 'stateRoot', 'extrinsicsRoot']) {
      for (const value of [undefined, null, 7, '', '0x', `0x${'00'.repeat(33)}`])
        wrong.push({ ...json, [field]: value });
    }
    for (const number of ['12c', '0x', '0x12g', '0x100000000', '-0x1']) wrong.push({ ...json, number });
    const log = json.digest.logs[0]!;
    for (const logs of [
      null,
      log,
      { 0: log },
      [7],
      [log, null],
      ['0x00'],
      ['0x'],
      Array.from({ length: 10_000 }, () => log),
    ])
      wrong.push({ ...json, digest: { logs } });
    wrong.push({ ...json, digest: { logs: [`0x00${'00'.repeat(MAX_HEADER_BYTES)}`] } });
    for (const one of wrong) expect(() => fromRpcHeader(one)).toThrow(DecodeError);
    expect(fromRpcHeader({ ...json, number: '0xffffffff' }).number).toBe(0xffff_ffff);
  });

  it('is at most 64 KiB', () => {
    const filled = (bytes: number): Uint8Array =>
      encodeHeader({ ...HEADER, digest: [{ kind: 'other', data: new Uint8Array(bytes) }] });
    const most = MAX_HEADER_BYTES - (filled(20_000).length - 20_000);
    expect(filled(most).length).toBe(MAX_HEADER_BYTES);
    expect(decodeHeader(filled(most)).number).toBe(300);
    expect(() => decodeHeader(filled(most + 1))).toThrow('are allowed');
  });

  it('is at most 64 KiB in JSON and in a block, too, however many items share them', () => {
    const halves = (bytes: number): Header => {
      const data = [new Uint8Array(bytes >> 1), new Uint8Array(bytes - (bytes >> 1))];
      return { ...HEADER, digest: data.map((half) => ({ kind: 'other', data: half })) };
    };
    const most = MAX_HEADER_BYTES - (encodeHeader(halves(50_000)).length - 50_000);
    const ways = [
      (header: Header) => fromRpcHeader(toRpcHeader(header)),
      (header: Header) =>
        decodeSignedBlock(encodeSignedBlock({ header, extrinsics: [], justifications: null })).header,
    ];
    for (const way of ways) {
      expect(headerHash(way(halves(most)))).toEqual(headerHash(halves(most)));
      expect(() => way(halves(most + 1))).toThrow('are allowed');
    }
  });

  it('ends with a seal of 64 bytes of the network’s engine', () => {
    const seal = (engine: Uint8Array, length: number): DigestItem => ({
      kind: 'seal',
      engine,
      data: new Uint8Array(length),
    });
    const rule = (...digest: DigestItem[]) => ruleOf(() => sealOf({ ...HEADER, digest }));
    expect(rule(seal(SUBSPACE_ENGINE, 64))).toBeNull();
    for (const length of [63, 65]) expect(rule(seal(SUBSPACE_ENGINE, length))).toBe('seal-present');
    expect(rule(seal(Uint8Array.of(1, 2, 3, 4), 64))).toBe('seal-present');
    expect(rule({ kind: 'preRuntime', engine: SUBSPACE_ENGINE, data: new Uint8Array(64) })).toBe(
      'seal-present',
    );
    expect(rule(seal(SUBSPACE_ENGINE, 64), HEADER.digest[0]!)).toBe('seal-present');
    expect(rule()).toBe('seal-present');
  });
});

describe('justification', () => {
  it('is of version 0, of the network’s engine, and the only thing looked at among others', () => {
    const bytes = encodeJustification(JUSTIFICATION);
    expect(decodeJustification(bytes)).toEqual(JUSTIFICATION);
    const other = { engine: Uint8Array.of(1, 2, 3, 4), data: Uint8Array.of(9) };
    expect(findJustification([other, subspaceJustification(JUSTIFICATION)])).toEqual(JUSTIFICATION);
    for (const none of [null, [], [other]])
      expect(ruleOf(() => findJustification(none))).toBe('justification-present');
    bytes[0] = 1;
    expect(() => decodeJustification(bytes)).toThrow(DecodeError);
    expect(ruleOf(() => findJustification([{ engine: SUBSPACE_ENGINE, data: bytes }]))).toBe(
      'justification-decode',
    );
  });

  it('covers at most 65 536 slots', () => {
    const covering = (slots: number): Uint8Array => {
      const checkpoints = Array.from({ length: slots }, () => JUSTIFICATION.checkpoints[0]!);
      return encodeJustification({ ...JUSTIFICATION, checkpoints });
    };
    expect(decodeJustification(covering(65_536)).checkpoints).toHaveLength(65_536);
    expect(() => decodeJustification(covering(65_537))).toThrow(DecodeError);
  });

  it('is lists of numbers in JSON', () => {
    const all = [
      subspaceJustification(JUSTIFICATION),
      { engine: Uint8Array.of(1, 2, 3, 4), data: Uint8Array.of() },
    ];
    expect(fromRpcJustifications(toRpcJustifications(all))).toEqual(all);
    for (const none of [null, undefined]) expect(fromRpcJustifications(none)).toBeNull();
    const engine = [83, 85, 66, 95];
    const wrong: unknown[] = [
      {},
      [[]],
      [[engine]],
      [[engine, [256]]],
      [[engine, ['1']]],
      [[[83, 85, 66], [1]]],
      [[[...engine, 1], [1]]],
      [[engine, [1], [2]]],
      Array.from({ length: 65 }, () => [engine, [1]]),
    ];
    for (const json of wrong) expect(() => fromRpcJustifications(json)).toThrow(DecodeError);
    expect(fromRpcJustifications(Array.from({ length: 64 }, () => [engine, [1]]))).toHaveLength(64);
  });
});

describe('solution and vote', () => {
  it('are of some history, with a whole chunk, and of version 0', () => {
    const json = solutionToJson(SOLUTION);
    expect(solutionFromJson(json)).toEqual(SOLUTION);
    expect(() => solutionFromJson({ ...json, historySize: 0 })).toThrow(DecodeError);
    for (const length of [31, 33])
      expect(() => solutionFromJson({ ...json, chunk: Array(length).fill(0) })).toThrow(DecodeError);
    const proofOfTime = new Uint8Array(16);
    const parentHash = new Uint8Array(32);
    const vote = {
      height: 7,
      parentHash,
      slot: 9n,
      solution: SOLUTION,
      proofOfTime,
      futureProofOfTime: proofOfTime,
    };
    const bytes = encodeVote(vote);
    expect(decodeVote(bytes)).toEqual(vote);
    bytes[0] = 1;
    expect(() => decodeVote(bytes)).toThrow('unknown version 1');
  });
});

describe('proof of time', () => {
  it('takes iterations that every checkpoint halves, of 32 bits', () => {
    for (const good of [16, 0xffff_fff0]) expect(ruleOf(() => requireIterations(good))).toBeNull();
    for (const bad of [0, -16, 8, 17, 16.5, Number.NaN, 2 ** 32])
      expect(ruleOf(() => requireIterations(bad))).toBe('pot-iterations');
  });

  it('of the same slot has the same seed and iterations', () => {
    const input = { slot: 3n, seed: new Uint8Array(16), iterations: 16 };
    expect(samePotInput(input, { ...input, seed: new Uint8Array(16) })).toBe(true);
    for (const other of [{ slot: 4n }, { iterations: 32 }, { seed: new Uint8Array(16).fill(1) }])
      expect(samePotInput(input, { ...input, ...other })).toBe(false);
  });

  it('takes up a change at its slot, and its entropy there only', () => {
    const output = new Uint8Array(16).fill(4);
    const change = { slot: 8n, slotIterations: 32, entropy: new Uint8Array(32).fill(5) };
    const after = (slot: bigint) => nextPotInput(slot, 16, output, change);
    expect(after(6n)).toEqual({ slot: 7n, seed: output, iterations: 16 });
    expect(after(7n).iterations).toBe(32);
    expect(toHex(after(7n).seed)).not.toBe(toHex(output));
    expect(after(8n)).toEqual({ slot: 9n, seed: output, iterations: 32 });
  });
});
