import { describe, expect, it } from 'vitest';
import { fromHex } from '../protocol/bytes.ts';
import { testPerson } from './testing/person.ts';

const NOW = Date.UTC(2030, 0, 1);
const DAY = 86_400_000;
const person = (now = () => NOW) => testPerson(now);

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

  it('is told apart by what its signer was worth then and is worth now', async () => {
    let now = NOW;
    const [ada, reader] = [await person(() => now), await person(() => now)];
    const { did } = await ada.createIdentity({ name: 'Ada', key: 'p256', days: 10 });
    const content = new Uint8Array(100);
    const sign = async () =>
      (await ada.signContent({ did, content, mediaType: 'text/plain', origin: 'human' })).content;
    const worth = async (who: typeof reader, statement: Uint8Array) => {
      const { verdict, whenSigned } = await who.verifyContent({ content, statement });
      return { now: verdict?.certificates, before: whenSigned };
    };
    const inTime = await sign();
    expect(await worth(reader, inTime)).toEqual({ now: 'ok', before: 'ok' });
    now += 11 * DAY;
    expect(await worth(reader, inTime)).toEqual({ now: 'expired', before: 'ok' });
    expect(await worth(reader, await sign())).toEqual({ now: 'expired', before: 'expired' });
    // Who knows the renewed certificate sees that it holds now; what held then is the one that came along.
    await ada.renewIdentity({ did, days: 10 });
    expect(await worth(ada, inTime)).toEqual({ now: 'ok', before: 'ok' });
    const { statement } = JSON.parse(new TextDecoder().decode(inTime)) as { statement: string };
    const alone = new TextEncoder().encode(JSON.stringify({ v: 1, statement }));
    expect(await worth(ada, alone)).toEqual({ now: 'ok', before: null });
  });
});
