import { expect, test } from 'vitest';
import { cidOfHash } from '../protocol/cid.ts';
import { isObjectLink } from './stored-text.ts';

test('links of objects are told from the lists themselves', () => {
  const cid = cidOfHash(new Uint8Array(32).fill(7));
  for (const link of [cid, `https://app.example/#/objects/${cid}?at=AAEC`, ` /object/${cid}\n`])
    expect(isObjectLink(link)).toBe(true);
  const token = `eyJ0eXAiOiJzdGF0dXNsaXN0K2p3dCJ9.eyJpc3MiOiJ4In0.${cid}`;
  for (const other of ['', 'a list', token, `${cid} `.repeat(2000)]) expect(isObjectLink(other)).toBe(false);
});
