import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDigits, codeOf, decodeMeetingCode, descriptionOf, encodeMeetingCode } from './meeting-code.ts';
import { Assembler, readMessage, slicesOf } from './meeting.ts';

const PRINT = Array.from({ length: 32 }, (_, at) => at.toString(16).padStart(2, '0').toUpperCase()).join(':');
const SDP = [
  'v=0',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'a=candidate:1 1 udp 2113937151 0d9c1b1e-5a0f-4f3f-9c52-1a2b3c4d5e6f.local 50000 typ host generation 0',
  'a=candidate:2 1 tcp 1518280447 192.168.0.7 9 typ host tcptype active',
  'a=candidate:3 1 udp 2113937150 192.168.0.7 50001 typ host',
  'a=candidate:4 1 udp 1677729535 203.0.113.5 50001 typ srflx raddr 0.0.0.0 rport 0',
  'a=ice-ufrag:aB+/',
  'a=ice-pwd:0123456789012345678901+/',
  `a=fingerprint:sha-256 ${PRINT}`,
  '',
].join('\r\n');

/** How many lines came of it, or why none did. */
function outcome(lines: () => string[]): string {
  try {
    return `${lines().length} lines`;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('codes of a meeting', () => {
  const offer = codeOf('offer', SDP);

  it('hold what connects and nothing else, and come back as a description', () => {
    expect(offer.candidates.map(({ address }) => address)).toEqual([
      '0d9c1b1e-5a0f-4f3f-9c52-1a2b3c4d5e6f.local',
      '192.168.0.7',
    ]);
    expect(decodeMeetingCode(` ${encodeMeetingCode(offer)}\n`, 'offer')).toEqual(offer);
    const { type, sdp } = descriptionOf(offer);
    expect(type).toBe('offer');
    expect(codeOf('offer', sdp!)).toEqual(offer);
    expect(encodeMeetingCode(offer).length).toBeLessThan(1000);
    expect(() => codeOf('offer', SDP.replaceAll('typ host', 'typ relay'))).toThrow('no network');
  });

  it('that are none, of the other role, or made to smuggle lines in are refused', () => {
    expect(() => decodeMeetingCode('hello', 'offer')).toThrow('not the code');
    expect(() => decodeMeetingCode(encodeMeetingCode(offer), 'answer')).toThrow('who begins');
    expect(() => decodeMeetingCode(encodeMeetingCode({ ...offer, role: 'answer' }), 'offer')).toThrow(
      'who joins',
    );
    const changed: Partial<typeof offer>[] = [
      { ufrag: 'aB\r\na=x' },
      { password: 'short' },
      { fingerprint: PRINT },
      { candidates: [] },
      { candidates: [{ address: 'evil.example', port: 1 }] },
      { candidates: [{ address: '10.0.0.1', port: 0 }] },
      { candidates: [{ address: '10.0.0.1', port: 65_536 }] },
      { candidates: Array.from({ length: 9 }, () => ({ address: '10.0.0.1', port: 1 })) },
    ];
    for (const change of changed)
      expect(() => decodeMeetingCode(encodeMeetingCode({ ...offer, ...change }), 'offer')).toThrow(
        'not the code',
      );
    fc.assert(
      fc.property(fc.nat(200), fc.string({ maxLength: 3 }), (at, put) => {
        const text = encodeMeetingCode(offer);
        const damaged = text.slice(0, at) + put + text.slice(at + 1);
        // Whatever is accepted has the lines of the description and no others.
        expect(outcome(() => descriptionOf(decodeMeetingCode(damaged, 'offer')).sdp!.split('\r\n'))).toMatch(
          /^(17 lines|.*code of.*)$/,
        );
      }),
    );
  });

  it('give both ends the same digits, and others to whoever sits between', () => {
    const answer = { ...offer, role: 'answer' as const, fingerprint: 'A'.repeat(64) };
    expect(checkDigits(offer, answer)).toMatch(/^\d{6}$/);
    expect(checkDigits(offer, answer)).not.toBe(
      checkDigits(offer, { ...answer, fingerprint: 'B'.repeat(64) }),
    );
  });
});

describe('messages of a meeting', () => {
  it('arrive whole, whatever their length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 50_000 }), (text) => {
        const assembler = new Assembler();
        const found = slicesOf({ kind: 'answer', text }).map((slice) => assembler.take(slice));
        expect(found.slice(0, -1).every((one) => one === null)).toBe(true);
        expect(readMessage(found.at(-1)!)).toEqual({ kind: 'answer', text });
      }),
      { numRuns: 30 },
    );
  });

  it('that announce too much, hold too much, or are none are refused', () => {
    const head = (length: number) => {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, length);
      return bytes;
    };
    expect(() => new Assembler().take(new Uint8Array(3))).toThrow('length');
    expect(() => new Assembler().take(head(0))).toThrow('announced');
    expect(() => new Assembler().take(head(0xffffffff))).toThrow('announced');
    const assembler = new Assembler();
    assembler.take(head(2));
    expect(() => assembler.take(new Uint8Array(3))).toThrow('announced');
    expect(() => readMessage(new Uint8Array([9]))).toThrow('kind');
    expect(() => readMessage(new Uint8Array([0, 0xff]))).toThrow('valid');
    expect(() => slicesOf({ kind: 'answer', text: 'x'.repeat(3_000_000) })).toThrow('too long');
  });
});
