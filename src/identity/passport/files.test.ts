import { zipSync } from 'fflate';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../protocol/bytes.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { foundState, makePassport } from '../testing/passport.ts';
import { sortFiles, type PassportFile } from './files.ts';

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

let passport: Awaited<ReturnType<typeof makePassport>>;
beforeAll(async () => {
  passport = await makePassport(await foundState(Date.UTC(2027, 4, 1)));
});

const json = (value: unknown): PassportFile => ({
  name: 'passport.json',
  content: utf8(JSON.stringify(value, null, 2)),
});
const dump = () => ({
  COM: base64(new Uint8Array([0x60, 0])),
  DG1: base64(passport.dg1.content),
  DG2: base64(passport.dg2.content),
  SOD: base64(passport.sod.content),
});

describe('files of a chip', () => {
  it('come one by one, in a zip, and as the JSON of reader apps, by whatever name', () => {
    const { files, dg1, dg2, sod } = passport;
    const named = sortFiles(files);
    expect([...named.groups.keys()]).toEqual([1, 2]);
    const renamed = files.map(({ content }, index) => ({ name: `${index}.bin`, content }));
    expect(sortFiles(renamed)).toEqual(named);
    const zip = zipSync({
      'chip/EF.DG1.bin': dg1.content,
      'chip/dg02': dg2.content,
      'chip/sod.bin': sod.content,
      '__MACOSX/chip/._sod.bin': new Uint8Array(3),
    });
    expect(sortFiles([{ name: 'chip.zip', content: zip }])).toEqual(named);
    expect(sortFiles([json(dump())])).toEqual({ ...named, ignored: ['COM'] });
    const answered = { ...dump(), AAChallenge: 'AAAA', AASignature: 'AAAA' };
    expect(sortFiles([json(answered)])).toEqual({ ...named, ignored: ['COM'] });
    const zipped = zipSync({ 'passport.json': json(dump()).content });
    expect(sortFiles([{ name: 'x.zip', content: zipped }])).toEqual({ ...named, ignored: ['COM'] });
  });

  it('are refused in another form', () => {
    for (const [value, code] of [
      [{ ...dump(), DG17: 'AAAA' }, 'decode-passport-json'],
      [{ ...dump(), DG1: '?' }, 'decode-passport-json'],
      [{ ...dump(), DG1: 7 }, 'decode-passport-json'],
      [{ ...dump(), DG2: dump().DG1 }, 'data-group-number'],
      [{ DG1: dump().DG1 }, 'security-object-missing'],
      [{}, 'security-object-missing'],
    ] as const)
      expect(() => sortFiles([json(value)])).toThrow(code);
    expect(() => sortFiles([])).toThrow('security-object-missing');
    const twice = { name: 'x.json', content: utf8(`{"SOD":"AAAA","SOD":"AAAB"}`) };
    expect(() => sortFiles([twice])).toThrow('decode-passport-json');
    const damaged = { name: 'x.zip', content: new Uint8Array([0x50, 0x4b, 3, 4, 9]) };
    expect(() => sortFiles([damaged])).toThrow('decode-zip');
    const bomb = zipSync({ a: new Uint8Array(9 * 1024 * 1024) });
    expect(bomb.length).toBeLessThan(20_000);
    expect(() => sortFiles([{ name: 'x.zip', content: bomb }])).toThrow('decode-zip');
    const many = Object.fromEntries(
      Array.from({ length: 65 }, (_, index) => [`${index}`, new Uint8Array(1)]),
    );
    expect(() => sortFiles([{ name: 'x.zip', content: zipSync(many) }])).toThrow('decode-zip');
  });

  it('of any bytes are sorted, or refused by a typed error', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }), (contents) => {
        const files = contents.map((content, index) => ({ name: `${index}`, content }));
        let thrown: unknown = new ProtocolError({ code: '', rule: '', message: '' });
        try {
          sortFiles(files);
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(ProtocolError);
      }),
      { numRuns: 500 },
    );
  });
});
