import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ageBound, birthDate, birthDays } from './birth.ts';

/** Age in whole years as everybody counts it. */
function age(born: string, today: string): number {
  const [years, rest] = [
    Number(today.slice(0, 4)) - Number(born.slice(0, 4)),
    today.slice(5) < born.slice(5),
  ];
  return rest ? years - 1 : years;
}

const holds = (bound: ReturnType<typeof ageBound>, born: string) =>
  bound.kind === 'at-most' ? birthDays(born) <= bound.value : birthDays(born) >= bound.value;

const dates = fc
  .date({ min: new Date('1900-01-02'), max: new Date('2090-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));

describe('dates of birth', () => {
  it('become numbers and come back', () => {
    fc.assert(
      fc.property(dates, (date) => {
        expect(birthDate(birthDays(date))).toBe(date);
      }),
    );
    expect(birthDays('1970-01-01')).toBe(36_525);
    for (const odd of ['1990-13-01', '1990-02-30', '1.5.1990', '1800-01-01', '', '19900501'])
      expect(() => birthDays(odd)).toThrow('birth-date');
  });

  it('are bounded by an age as people count it', () => {
    fc.assert(
      fc.property(dates, dates, fc.nat(100), (born, today, years) => {
        const now = Date.parse(`${today}T23:59:59Z`);
        expect(holds(ageBound('at-least', years, now), born)).toBe(age(born, today) >= years);
        expect(holds(ageBound('at-most', years, now), born)).toBe(age(born, today) <= years);
      }),
      { numRuns: 500 },
    );
    // Whoever was born on 29 February is of age on 1 March of other years; nobody is a day early.
    expect(ageBound('at-least', 18, Date.UTC(2024, 1, 29)).value).toBe(birthDays('2006-02-28'));
    expect(() => ageBound('at-least', -1, 0)).toThrow('age');
    expect(() => ageBound('at-least', 17.5, 0)).toThrow('age');
  });
});
