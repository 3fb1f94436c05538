import { describe, expect, it } from 'vitest';
import { DecodeError } from '../protocol/errors.ts';
import {
  claimsAnswering,
  isAsked,
  isEnough,
  queriesToAnswer,
  requireConsistent,
  type CredentialQuery,
  type DcqlQuery,
} from './dcql.ts';
import { CREDENTIAL_TYPE } from './sd-jwt.ts';

const CLAIMS = {
  vct: 'urn:person',
  name: 'Ada',
  age: 36,
  nothing: null,
  address: { street: 'High St', town: 'London' },
  langs: ['en', 'fr'],
  degrees: [{ year: 1832 }, { year: 1834 }],
  mixed: [{ year: 1832 }, 'none'],
};

describe('what a credential answers', () => {
  const answer = (query: Partial<CredentialQuery>) =>
    claimsAnswering(CLAIMS, { id: 'q', format: CREDENTIAL_TYPE, ...query })?.map(({ path }) => path) ?? null;
  const has = (path: (string | number | null)[], values?: (string | number | boolean)[]) =>
    answer({ claims: [{ path, ...(values === undefined ? {} : { values }) }] }) !== null;

  it('is of the kind and form that was asked for', () => {
    expect(answer({})).toEqual([]);
    expect(answer({ format: 'other' })).toBeNull();
    expect(answer({ meta: { vct_values: ['urn:other', 'urn:person'] } })).toEqual([]);
    expect(answer({ meta: { vct_values: ['urn:other'] } })).toBeNull();
    expect(claimsAnswering(CLAIMS, { id: 'q', format: 'other' }, 'other')).toEqual([]);
  });

  it('lies at the place asked for, of its own and not of what everything has', () => {
    for (const path of [['name'], ['nothing'], ['address'], ['address', 'town'], ['langs', 1]])
      expect(has(path)).toBe(true);
    for (const path of [
      ['langs', null],
      ['degrees', null, 'year'],
      ['degrees', 1, 'year'],
      ['mixed', 0, 'year'],
    ])
      expect(has(path)).toBe(true);
    for (const path of [
      ['surname'],
      ['constructor'],
      ['name', 'length'],
      ['nothing', 'x'],
      ['langs', 'length'],
      ['langs', '1'],
      ['langs', 2],
      ['address', 0],
      ['address', null],
      ['name', null],
      ['degrees', null, 'month'],
      // One that is no object is enough.
      ['mixed', null, 'year'],
    ])
      expect(has(path)).toBe(false);
  });

  it('has one of the values asked for, and no other type of it', () => {
    expect(has(['name'], ['Eve', 'Ada'])).toBe(true);
    expect(has(['degrees', null, 'year'], [1834])).toBe(true);
    expect(has(['age'], [36])).toBe(true);
    for (const [path, value] of [
      [['age'], '36'],
      [['name'], 'ada'],
      [['langs'], 'en'],
      [['surname'], 'x'],
    ] as const)
      expect(has([...path], [value])).toBe(false);
  });

  it('is the first set that is there, and no claim besides', () => {
    const claims = [
      { id: 'a', path: ['surname'] },
      { id: 'b', path: ['name'] },
      { id: 'c', path: ['age'] },
      { path: ['langs'] },
    ];
    expect(answer({ claims: claims.slice(1) })).toEqual([['name'], ['age'], ['langs']]);
    expect(answer({ claims })).toBeNull();
    expect(answer({ claims, claim_sets: [['a', 'b'], ['c'], ['b']] })).toEqual([['age']]);
    expect(answer({ claims, claim_sets: [['a']] })).toBeNull();
  });

  it('takes in what lies within, and what holds it', () => {
    const asked = (path: (string | number | null)[], place: (string | number)[]) => isAsked({ path }, place);
    expect(asked(['address', 'street'], ['address'])).toBe(true);
    expect(asked(['address'], ['address', 'street'])).toBe(true);
    expect(asked(['degrees', null, 'year'], ['degrees', 1, 'year'])).toBe(true);
    expect(asked(['degrees', null], ['degrees', 'x'])).toBe(false);
    expect(asked(['address', 'street'], ['address', 'town'])).toBe(false);
    expect(asked(['degrees', 0], ['degrees', 1])).toBe(false);
    expect(asked(['name'], ['age'])).toBe(false);
  });
});

describe('a query', () => {
  const query = (more: Partial<DcqlQuery> = {}): DcqlQuery => ({
    credentials: ['a', 'b', 'c'].map((id) => ({ id, format: CREDENTIAL_TYPE })),
    ...more,
  });
  const sets = [
    { options: [['a', 'b'], ['c']] },
    { options: [['b']], required: false },
    { options: [['c'], ['a']], required: true },
  ];

  it('is enough answered by all, or by a choice of each set that is needed', () => {
    const enough = (more: Partial<DcqlQuery>, ...ids: string[]) => isEnough(query(more), new Set(ids));
    expect([enough({}, 'a', 'b', 'c'), enough({}, 'a', 'b')]).toEqual([true, false]);
    const chosen = { credential_sets: sets };
    expect([['c'], ['a', 'b'], ['b', 'c']].map((ids) => enough(chosen, ...ids))).toEqual([true, true, true]);
    expect([[], ['a'], ['b']].map((ids) => enough(chosen, ...ids))).toEqual([false, false, false]);
  });

  it('is answered by no more than that', () => {
    const answers = (more: Partial<DcqlQuery>, ...ids: string[]) =>
      queriesToAnswer(query(more), new Set(ids));
    expect([answers({}, 'a', 'b', 'c'), answers({}, 'a')]).toEqual([['a', 'b', 'c'], null]);
    const chosen = { credential_sets: sets };
    expect(answers(chosen, 'a', 'b', 'c')).toEqual(['a', 'b', 'c']);
    expect(answers(chosen, 'a', 'b')).toEqual(['a', 'b']);
    expect(answers(chosen, 'b', 'c')).toEqual(['c']);
    expect(answers(chosen, 'a')).toBeNull();
  });

  it('that contradicts itself is refused', () => {
    const [first] = query().credentials;
    const refused = (more: Partial<DcqlQuery>) => () => requireConsistent(query(more), 'query');
    expect(refused({ credential_sets: sets })).not.toThrow();
    expect(refused({ credentials: [first!, first!] })).toThrow('an id is given twice');
    expect(refused({ credential_sets: [{ options: [['a', 'x']] }] })).toThrow('no query is called x');
    const claims = [{ id: 'n', path: ['name'] }, { path: ['age'] }];
    const one = (more: object) => refused({ credentials: [{ ...first!, claims, ...more }] });
    expect(one({ claim_sets: [['n']] })).not.toThrow();
    expect(one({ claims: [...claims, claims[0]] })).toThrow('claim’s id is given twice');
    expect(one({ claim_sets: [['n'], ['m']] })).toThrow('no claim is called m');
    expect(one({ claim_sets: [['m']] })).toThrow(DecodeError);
  });
});
