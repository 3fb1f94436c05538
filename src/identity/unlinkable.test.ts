import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomBytes } from '../crypto/random.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { toBase64Url } from '../wallet/json.ts';
import { keyIdOf } from './did.ts';
import { endorseKey } from './endorsed-keys.ts';
import { decodePresented, isUnlinkable, PERIOD_S } from './jpt.ts';
import { ed25519Key, jwkOf } from './keys.ts';
import {
  checkCommitment,
  checkIssued,
  commitToLink,
  endOfPeriod,
  issuerKeys,
  issueUnlinkable,
  presentUnlinkable,
  unlinkablePredicates,
  verifyUnlinkable,
  type Showing,
  type UnlinkableDraft,
} from './unlinkable.ts';

const NOW = 1_800_000_000;
const ISSUER = 'did:autoid:off:issuer';
const PERSON = 'urn:autonomys:vc:person:1';
const signer = ed25519Key(new Uint8Array(32).fill(1));
const how = {
  now: NOW,
  issuerKey: (iss: string, { kid }: { kid?: string | undefined }) =>
    iss === ISSUER && kid === keyIdOf(iss) ? jwkOf(signer.publicKeyInfo) : null,
};
const keys = issuerKeys(new Uint8Array(48).fill(2));
const statement = await endorseKey(signer, {
  did: ISSUER,
  certificates: ['AA=='],
  now: NOW - 3600,
  until: NOW + 365 * 86_400,
  publicKey: keys.publicKey,
});
const CLAIMS = { given_name: 'Ada', age_over_18: true, score: 7300, address: { city: 'London' } };

function holder() {
  const link = randomBytes(48);
  return { link, ...commitToLink(link) };
}

function issue(to = holder(), draft: Partial<UnlinkableDraft> = {}) {
  const whole = { iss: ISSUER, vct: PERSON, exp: endOfPeriod(NOW, 4), keys: statement, claims: CLAIMS };
  const credential = issueUnlinkable(keys, { ...whole, ...draft }, to.commitment);
  return { credential, secrets: { link: to.link, blind: to.blind } };
}

const asked = {
  nonce: 'a nonce of the verifier',
  audience: 'https://verifier.example',
  scope: 'once' as const,
};

function show(
  { credential, secrets }: ReturnType<typeof issue>,
  names: string[],
  more: Partial<Showing> = {},
) {
  return presentUnlinkable(credential, {
    names: new Set(names),
    secrets,
    now: NOW,
    committed: [],
    ...asked,
    ...more,
  });
}

const rule = (check: () => unknown): string => {
  try {
    check();
  } catch (error) {
    if (error instanceof ProtocolError) return error.rule;
    throw error;
  }
  return 'accepted';
};
const verified = (presentation: string, more: Partial<typeof how> = {}, expected: object = {}) =>
  verifyUnlinkable(presentation, { ...asked, ...expected }, { ...how, ...more });

describe('credentials whose showings cannot be linked', () => {
  const one = issue();

  it('are taken by whom they are for, and show no more than is chosen', () => {
    expect(isUnlinkable(one.credential)).toBe(true);
    expect(checkIssued(one.credential, one.secrets, how)).toMatchObject({ issuer: ISSUER });
    const { presentation } = show(one, ['age_over_18']);
    const { claims, disclosed } = verified(presentation);
    expect(claims).toEqual({ iss: ISSUER, vct: PERSON, exp: endOfPeriod(NOW, 4), age_over_18: true });
    expect(disclosed).toEqual([['age_over_18']]);
    for (const secret of ['Ada', 'London', '7300'])
      expect(presentation).not.toContain(toBase64Url(new TextEncoder().encode(`"${secret}"`)));
  });

  it('have nothing in common between two showings but what they tell', () => {
    const shown = [show(one, ['age_over_18']), show(one, ['age_over_18'], { nonce: 'another nonce here' })];
    const [first, second] = shown.map(({ presentation }) => decodePresented(presentation));
    expect(first!.headerOctets).toEqual(second!.headerOctets);
    expect(first!.payloads).toEqual(second!.payloads);
    const pieces = (token: typeof first) =>
      token!.proof.flatMap((part) => {
        const size = part.length === 48 ? 48 : 16;
        return Array.from({ length: part.length / size }, (_, at) =>
          toBase64Url(part.subarray(at * size, (at + 1) * size)),
        );
      });
    const seen = new Set(pieces(first));
    expect(pieces(second).filter((piece) => seen.has(piece))).toEqual([]);
    // Nor with a showing by somebody else: what everybody shows is the same for all.
    const other = decodePresented(show(issue(), ['age_over_18']).presentation);
    expect(other.headerOctets).toEqual(first!.headerOctets);
  });

  it('let a verifier that asks for it know a holder again, and nobody else', () => {
    const again = (holding: ReturnType<typeof issue>, more: Partial<Showing> = {}) => {
      const expected = {
        scope: 'audience',
        audience: more.audience ?? asked.audience,
        nonce: more.nonce ?? asked.nonce,
      };
      return verified(show(holding, [], { scope: 'audience', ...more }).presentation, {}, expected).pseudonym;
    };
    const known = again(one);
    expect(again(one, { nonce: 'quite another nonce' })).toBe(known);
    expect(again(one, { audience: 'https://other.example' })).not.toBe(known);
    expect(again(issue())).not.toBe(known);
    expect(verified(show(one, []).presentation).pseudonym).not.toBe(known);
    // A second credential of the same wallet is seen to be the same holder's.
    const link = one.secrets.link;
    const more = issue({ link, ...commitToLink(link) }, { vct: 'urn:autonomys:vc:member:1' });
    expect(again(more)).toBe(known);
  });

  it('prove bounds of hidden numbers, by a commitment that is new each time', () => {
    const bound = { kind: 'at-least' as const, value: 7000 };
    const prove = () => {
      const { presentation, openings } = show(one, [], { committed: ['score'] });
      const opening = openings.get('score')!;
      const told = {
        attribute: 'score' as const,
        commitment: opening.commitment,
        bound,
        context: new Uint8Array(32),
      };
      return { presentation, proof: unlinkablePredicates.prove(told, opening), told };
    };
    const { presentation, proof, told } = prove();
    const commitment = verified(presentation).commitments.get('score')!;
    expect(commitment).toEqual(told.commitment);
    expect(unlinkablePredicates.verify({ ...told, commitment }, proof)).toBe(true);
    expect(
      unlinkablePredicates.verify({ ...told, commitment, bound: { ...bound, value: 7001 } }, proof),
    ).toBe(false);
    expect(verified(prove().presentation).commitments.get('score')).not.toEqual(commitment);
  });

  it('are of use to nobody without the link secret, their issuer included', () => {
    const thief = { ...one, secrets: { ...one.secrets, link: randomBytes(48) } };
    expect(rule(() => checkIssued(one.credential, thief.secrets, how))).toBe('signature');
    expect(rule(() => verified(show(thief, ['age_over_18']).presentation))).toBe('proof');
    const commitment = holder().commitment;
    commitment[60]! ^= 1;
    expect(rule(() => checkCommitment(commitment))).toBe('bbs-commitment');
    expect(
      rule(() =>
        issueUnlinkable(
          keys,
          { iss: ISSUER, vct: PERSON, exp: PERIOD_S, keys: statement, claims: {} },
          commitment,
        ),
      ),
    ).toBe('decode-jpt');
  });

  it('are refused under the name of the check that fails', async () => {
    const { presentation } = show(one, ['age_over_18']);
    const cases: [string, () => unknown][] = [
      ['showing-nonce', () => verified(presentation, {}, { nonce: 'not the one' })],
      ['showing-audience', () => verified(presentation, {}, { audience: 'https://else.example' })],
      ['showing-scope', () => verified(presentation, {}, { scope: 'audience' })],
      ['showing-age', () => verified(presentation, { now: NOW + 301 })],
      ['showing-age', () => verified(presentation, { now: NOW - 61 })],
      ['expired', () => verified(presentation, { now: endOfPeriod(NOW, 4) })],
      ['lifetime', () => verified(show(issue(holder(), { exp: endOfPeriod(NOW, 6) }), []).presentation)],
      ['issuer-key', () => verified(presentation, { issuerKey: () => null })],
      ['endorsement', () => verified(show(issue(holder(), { iss: 'did:autoid:off:else' }), []).presentation)],
      ['unknown-claim', () => show(one, ['family_name'])],
    ];
    for (const [expected, check] of cases) expect(rule(check)).toBe(expected);
    const foreign = issuerKeys(new Uint8Array(48).fill(3));
    const to = holder();
    const forged = issueUnlinkable(
      foreign,
      { iss: ISSUER, vct: PERSON, exp: endOfPeriod(NOW, 4), keys: statement, claims: CLAIMS },
      to.commitment,
    );
    expect(rule(() => checkIssued(forged, to, how))).toBe('signature');
    expect(rule(() => verified(show({ credential: forged, secrets: to }, []).presentation))).toBe('proof');
  });

  it('leave an issuer no room to mark a holder', () => {
    const to = holder();
    const odd = (draft: Partial<UnlinkableDraft>) => rule(() => issue(to, draft));
    expect(odd({ exp: endOfPeriod(NOW, 4) + 1 })).toBe('decode-jpt');
    expect(odd({ claims: { ...CLAIMS, exp: 1 } })).toBe('decode-jpt');
    expect(odd({ claims: { score: 7300.5 } })).toBe('decode-jpt');
    const { presentation } = show(one, ['age_over_18']);
    const [shown, header, ...rest] = presentation.split('.');
    const text = new TextDecoder().decode(decodePresented(presentation).headerOctets);
    for (const marked of [
      ` ${text}`,
      text.replace('{', '{"mark":1,'),
      text.replace('"alg"', '"zzz":1,"alg"'),
    ]) {
      const spelled = [shown, toBase64Url(new TextEncoder().encode(marked)), ...rest].join('.');
      expect(rule(() => verified(spelled))).toBe('decode-jpt');
    }
    expect(header).toBeDefined();
  });

  it('do not survive any change of a shown token', () => {
    const { presentation } = show(one, ['age_over_18'], { committed: ['score'] });
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~';
    fc.assert(
      fc.property(
        fc.nat(presentation.length - 1),
        fc.nat(alphabet.length - 1),
        fc.constantFrom('replace', 'insert', 'remove'),
        (at, letter, kind) => {
          const skip = kind === 'insert' ? 0 : 1;
          const put = kind === 'remove' ? '' : alphabet[letter]!;
          const changed = presentation.slice(0, at) + put + presentation.slice(at + skip);
          fc.pre(changed !== presentation);
          expect(rule(() => verified(changed))).not.toBe('accepted');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('read whatever is handed over without falling over', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(fc.base64String(), { maxLength: 6 }).map((parts) => parts.join('.')),
        ),
        (text) => {
          expect(isUnlinkable(text)).toBe(false);
          expect(rule(() => verified(text))).not.toBe('accepted');
          expect(rule(() => checkIssued(text, one.secrets, how))).not.toBe('accepted');
        },
      ),
    );
  });
});
