import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimTexts, isGiven, isHideable } from './claim-view.ts';
import { ecKey, jwkOf } from './keys.ts';
import { disclosableClaims, issueSdJwt, presentSdJwt, verifySdJwt } from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';

const claims = {
  name: 'Ada',
  address: { street: 'Main street 1', town: 'London', geo: { x: 1, y: 2 } },
  nationalities: ['GB', 'FR', { code: 'DE' }],
  tags: ['a', 'b'],
  nothing: {},
};
const hideable: ClaimPath[] = [
  ['name'],
  ['address'],
  ['address', 'street'],
  ['address', 'geo', 'x'],
  ['nationalities', 1],
  ['nationalities', 2],
];

describe('claims as a person reads them', () => {
  it('are values by their places', () => {
    const texts = claimTexts({ ...claims, iss: 'x', cnf: {} }, hideable);
    expect(texts.map(({ path, text }) => `${path.join('.')}=${text}`)).toEqual([
      'address.geo.x=1',
      'address.geo.y=2',
      'address.street=Main street 1',
      'address.town=London',
      'name=Ada',
      'nationalities.0=GB',
      'nationalities.1=FR',
      'nationalities.2.code=DE',
      'tags=["a","b"]',
    ]);
    const kept = texts.filter(({ path }) => !isHideable(path, hideable)).map(({ path }) => path.join('.'));
    expect(kept).toEqual(['nationalities.0', 'tags']);
  });

  it('are said to be given away exactly when a verifier sees them', async () => {
    const key = ecKey('p256', new Uint8Array(32).fill(5));
    const issued = await issueSdJwt(key, { iss: 'did:x', vct: 'y', iat: 1, claims, selective: hideable });
    const all = claimTexts(disclosableClaims(issued).claims, hideable);
    const paths = disclosableClaims(issued).disclosable.map(({ path }) => path);
    expect(new Set(paths.map(String))).toEqual(new Set(hideable.map(String)));
    await fc.assert(
      fc.asyncProperty(fc.subarray(paths), async (chosen) => {
        const presentation = await presentSdJwt(issued, chosen, { key: null } as never);
        const { claims: seen } = verifySdJwt({
          presentation,
          now: 2,
          keyBinding: null,
          issuerKey: () => jwkOf(key.publicKeyInfo),
        });
        const told = all.filter(({ path }) => isGiven(path, hideable, chosen));
        expect(
          claimTexts(seen, hideable)
            .map(({ text }) => text)
            .sort(),
        ).toEqual(told.map(({ text }) => text).sort());
      }),
      { numRuns: 40 },
    );
  });
});
