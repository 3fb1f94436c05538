import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../protocol/errors.ts';
import { canonicalJson, parseJson } from './json.ts';

const read = (text: string): unknown => parseJson(text, 'text');

describe('JSON that others made', () => {
  it('gives no member twice, whatever the values, at any depth, in any spelling', () => {
    for (const text of [
      '{"a":1,"a":2}',
      '{"a":1,"a":1}',
      '{"a":null,"b":[{}],"a":null}',
      '{"a":{"b":[]},"a":{"b":[]}}',
      '[0,{"x":{"b":"","c":{"b":1},"b":""}}]',
      '{"a":1,"\\u0061":1}',
      '{"\\"":1,"\\u0022":1}',
      '{"__proto__":1,"__proto__":1}',
      '{"":0 , "":0}',
    ])
      expect(() => read(text)).toThrow(/is given twice/);
  });

  it('may give one name in several objects, and one text as name and value', () => {
    for (const text of [
      '{"a":{"a":"a"},"b":[{"a":"b"},{"a":"b"},"a","a"],"c":"b"}',
      '{"a\\\\":1,"a":["\\"a\\":","a"],"\\\\":"{\\"a\\":1,\\"a\\":1}"}',
      '[["a","a"],"a",{"a":["b",{"b":1}],"b":"a"}]',
    ])
      expect(read(text)).toEqual(JSON.parse(text));
  });

  it('is read as it was written, and refused where one member of it is repeated', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(), (value, which) => {
        const text = JSON.stringify(value, null, 1);
        // Halves of surrogate pairs and numbers beyond 2^53 have tests of their own.
        fc.pre(!/\\ud[89a-f]/.test(text) && !/\d{16}/.test(text));
        expect(JSON.stringify(read(text))).toBe(JSON.stringify(value));
        const members = [...text.matchAll(/^ *("(?:[^"\\]|\\.)*"): [^{[].*?(?=,?$)/gm)];
        const member = members[which % members.length];
        if (member === undefined) return;
        const doubled = `${text.slice(0, member.index)}${member[0]},${text.slice(member.index)}`;
        expect(() => read(doubled)).toThrow(/is given twice/);
      }),
      { numRuns: 300 },
    );
  });

  it('is at most 32 levels deep, and has an end', () => {
    const nested = (levels: number) => '[{"a":'.repeat(levels / 2) + '0' + '}]'.repeat(levels / 2);
    expect(() => read(nested(32))).not.toThrow();
    expect(() => read(nested(34))).toThrow('nested deeper than 32 levels');
    expect(() => read(`[${'[],'.repeat(40)}{}]`)).not.toThrow();
    for (const text of ['', '{', '["', '{"a', '{"a":1,', '{"a":1}}', ']', '{"\\x":1}', '{"a":1,}', '[1]2'])
      expect(() => read(text)).toThrow(DecodeError);
    expect(() => parseJson('[1, 2]', 'text', 5)).toThrow('6 characters');
  });

  it('has a canonical form: no number that would be rounded, no half of a surrogate pair', () => {
    for (const text of ['9007199254740993', '-9007199254740992', '1e999', '"\\ud800"', '{"\\udc00":1}'])
      expect(() => read(text)).toThrow(DecodeError);
    expect(canonicalJson(read('{"b":1.50,"a":"\\ud83d\\ude00"}'))).toEqual(
      new TextEncoder().encode('{"a":"😀","b":1.5}'),
    );
  });
});
