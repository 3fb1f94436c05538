import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../protocol/errors.ts';
import { makeMrz } from '../testing/passport.ts';
import { readMrz } from './mrz.ts';

const NOW = Date.UTC(2027, 4, 1);

// The specimens of ICAO Doc 9303, parts 4, 5 and 6.
const TD3 = 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F1204159ZE184226B<<<<<10';
const TD1 = 'I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<';
const TD2 = 'I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<D231458907UTO7408122F1204159<<<<<<<6';

describe('a machine-readable zone', () => {
  it('is read in each of its formats', () => {
    const person = {
      issuingState: 'UTO',
      nationality: 'UTO',
      surname: 'ERIKSSON',
      givenNames: 'ANNA MARIA',
      birthDate: '1974-08-12',
      sex: 'F',
      expiryDate: '2012-04-15',
    };
    expect(readMrz(TD3, NOW)).toEqual({
      ...person,
      format: 'TD3',
      documentCode: 'P',
      documentNumber: 'L898902C3',
    });
    for (const [text, format] of [
      [TD1, 'TD1'],
      [TD2, 'TD2'],
    ] as const)
      expect(readMrz(text, NOW)).toEqual({
        ...person,
        format,
        documentCode: 'I',
        documentNumber: 'D23145890',
      });
  });

  it('is what the tests’ own writer makes', () => {
    const parts = { number: 'L898902C3', expiry: '120415', optional: 'ZE184226B' };
    expect(makeMrz('TD3', parts)).toBe(TD3);
    expect(makeMrz('TD1', { number: 'D23145890', expiry: '120415' })).toBe(TD1);
    expect(makeMrz('TD2', { number: 'D23145890', expiry: '120415' })).toBe(TD2);
  });

  it('has numbers longer than nine characters in the optional field of cards', () => {
    // Doc 9303-5, note j: D23145890734, of which 734 goes on, with its check digit 9.
    const long = 'I<UTOD23145890<7349<<<<<<<<<<<3407127M9507122UTO<<<<<<<<<<<2STEVENSON<<PETER<JOHN<<<<<<<<<';
    expect(readMrz(long, NOW)).toMatchObject({ documentNumber: 'D23145890734', birthDate: '1934-07-12' });
  });

  it('leaves out what a document does not know', () => {
    const read = (parts: Parameters<typeof makeMrz>[1]) => readMrz(makeMrz('TD3', parts), NOW);
    expect(read({ birth: '<<<<<<' }).birthDate).toBeNull();
    expect(read({ birth: '7408<<' }).birthDate).toBe('1974-08');
    expect(read({ birth: '74<<<<' }).birthDate).toBe('1974');
    expect(read({ birth: '200101' }).birthDate).toBe('2020-01-01');
    expect(read({ sex: '<' }).sex).toBeNull();
    expect(read({ names: 'ARKFREITH' })).toMatchObject({ surname: 'ARKFREITH', givenNames: '' });
    expect(read({ state: 'D', nationality: 'D' })).toMatchObject({ issuingState: 'D', nationality: 'D' });
  });

  it('is refused when it is none', () => {
    for (const text of [
      '',
      TD3.slice(1),
      `${TD3}<`,
      TD3.toLowerCase(),
      makeMrz('TD3', { birth: '741332' }),
      makeMrz('TD3', { birth: '<<0812' }),
      makeMrz('TD3', { sex: 'Q' }),
      makeMrz('TD3', { names: '' }),
      makeMrz('TD3', { state: '' }),
      makeMrz('TD3', { number: '' }),
      makeMrz('TD3', { code: '<' }),
    ])
      expect(() => readMrz(text, NOW)).toThrow('decode-machine-readable-zone');
  });

  it('is refused, by a typed error, when any of its digits is another', () => {
    const places = Array.from(TD3, (character, at) => [character, at] as const).filter(
      ([character, at]) => at >= 44 && /\d/.test(character),
    );
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.integer({ min: 1, max: 9 }), ([character, at], by) => {
        const other = TD3.slice(0, at) + ((Number(character) + by) % 10) + TD3.slice(at + 1);
        expect(() => readMrz(other, NOW)).toThrow(ProtocolError);
      }),
    );
  });
});
