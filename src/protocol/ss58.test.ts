import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { decodeAddress, encodeAddress, rewrittenAddress } from './ss58.ts';

describe('SS58', () => {
  it('knows the development account under the generic prefix', () => {
    const alice = 'd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d';
    expect(encodeAddress(fromHex(alice), 42)).toBe('5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY');
    expect(toHex(decodeAddress(encodeAddress(fromHex(alice))).account)).toBe(alice);
    const address = encodeAddress(fromHex(alice));
    expect(address.startsWith('su')).toBe(true);
    expect(rewrittenAddress(address, 42)).toBe(encodeAddress(fromHex(alice), 42));
    expect([rewrittenAddress(address, 6094), rewrittenAddress('nobody', 42)]).toEqual([address, 'nobody']);
  });

  it('round-trips every account and prefix, and refuses a changed character', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.nat(16_383),
        fc.nat(),
        (account, prefix, at) => {
          const address = encodeAddress(account, prefix);
          expect(decodeAddress(address)).toEqual({ account, prefix });
          const index = at % address.length;
          const other = address[index] === '2' ? '3' : '2';
          expect(() => decodeAddress(address.slice(0, index) + other + address.slice(index + 1))).toThrow(
            'address',
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each(['', '0', 'l', 'su', '1'.repeat(65), 'not an address'])('refuses “%s”', (text) => {
    expect(() => decodeAddress(text)).toThrow('address');
  });
});
