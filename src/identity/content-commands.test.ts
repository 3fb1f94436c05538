import { describe, expect, it } from 'vitest';
import { fromHex } from '../protocol/bytes.ts';
import { testPerson } from './testing/person.ts';

const person = () => testPerson(() => Date.UTC(2030, 0, 1));

describe('content', () => {
  it('signed by an identity verifies for anyone, and a changed copy does not', async () => {
    const [ada, reader] = [await person(), await person()];
    const { did } = await ada.createIdentity({ name: 'Ada', key: 'p256' });
    const content = new Uint8Array(10_000).map((_, index) => index);
    const signed = await ada.signContent({
      did,
      content,
      mediaType: 'image/png',
      origin: 'mixed',
      tool: 'camera',
      sources: ['ab'.repeat(32)],
    });
    expect(await reader.verifyContent({ content, statement: signed.content })).toMatchObject({
      id: signed.id,
      did,
      origin: 'mixed',
      tool: 'camera',
      sources: ['ab'.repeat(32)],
      verdict: { certificates: 'ok' },
    });
    const changed = content.slice();
    changed[5000]! ^= 1;
    await expect(reader.verifyContent({ content: changed, statement: signed.content })).rejects.toThrow(
      'content',
    );
    await expect(
      reader.verifyContent({ content: content.slice(1), statement: signed.content }),
    ).rejects.toThrow('content');
    await expect(reader.verifyContent({ content, statement: signed.content.slice(0, 400) })).rejects.toThrow(
      'provenance',
    );
    await expect(reader.verifyContent({ content, statement: fromHex('d284') })).rejects.toThrow('provenance');
  });
});
