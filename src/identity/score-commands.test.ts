import { describe, expect, it } from 'vitest';
import { testPerson, testWallet } from './testing/person.ts';

const DAY = 86_400_000;

/** A bank and somebody with its credential as evidence, and the time that both live in. */
async function people(revocable: boolean) {
  const time = { now: Date.UTC(2030, 0, 1) };
  const clock = () => time.now;
  const [bank, ada] = [await testPerson(clock), await testPerson(clock)];
  const { did } = await bank.createIdentity({ name: 'Bank' });
  const issued = await bank.issueCredential({
    issuer: did,
    type: 'urn:x:card',
    claims: { ok: true },
    revocable,
  });
  const pem = await bank.exportIdentity({ did, format: 'pem' });
  await ada.importIdentity({ file: pem.content });
  const card = await ada.acceptCredential({ text: issued.package });
  await ada.addEvidence({ type: 'bank-card', service: 'bank', account: '1', credential: card.id });
  return { time, bank, ada, did, issued, card };
}

describe('evidence', () => {
  it('falls when the credential behind it is revoked, and is worth a word when that is removed', async () => {
    const { bank, ada, did, issued, card } = await people(true);
    await ada.importStatusList({ token: await bank.statusList({ issuer: did }) });
    expect(await ada.score()).toMatchObject({ score_ppm: 350_000 });
    expect((await ada.score()).lines[0]).toMatchObject({ backing: expect.stringMatching(/^Bank[^,]*$/) });
    const suspended = await bank.revokeCredential({ issuer: did, index: issued.index!, suspend: true });
    await ada.importStatusList({ token: suspended });
    expect(await ada.score()).toMatchObject({
      score_ppm: 0,
      lines: [{ explanation: 'left out: it was revoked' }],
    });
    await ada.removeCredential({ id: card.id });
    const [line] = (await ada.score()).lines;
    expect(line).toMatchObject({ backing: null });
    expect(line!.explanation).toContain('nothing but your word');
  });

  it('fades with time and ends with its credential', async () => {
    const { time, ada } = await people(false);
    time.now += 200 * DAY;
    const { score_ppm, lines } = await ada.score();
    expect(score_ppm).toBeGreaterThan(0);
    expect(score_ppm).toBeLessThan(350_000);
    expect(lines[0]!.explanation).toContain('200 days old');
    time.now += 200 * DAY;
    expect(await ada.score()).toMatchObject({
      score_ppm: 0,
      lines: [{ explanation: 'left out: it has expired' }],
    });
  });

  it('of farming is what the chain proves of an account of one’s own, once', async () => {
    const time = { now: Date.UTC(2030, 0, 1) };
    const wallet = await testWallet();
    const address = (await wallet.status()).accounts[0]!.address;
    let reward: { block: number; at: number } | null = null;
    const ada = await testPerson(
      () => time.now,
      null,
      wallet,
      async (account) => {
        expect(account).toBe(address);
        return reward;
      },
    );
    await expect(ada.addFarmingEvidence({ account: address })).rejects.toThrow('no-reward');
    await expect(ada.addFarmingEvidence({ account: 'su1' })).rejects.toThrow('not-own-account');
    reward = { block: 7, at: time.now - 45 * DAY };
    await ada.addFarmingEvidence({ account: address });
    const old = await ada.score();
    expect(old.lines).toMatchObject([{ type: 'network-farming', backing: 'block 7, proven' }]);
    expect(old.score_ppm).toBeLessThan(200_000);
    reward = { block: 900, at: time.now };
    await ada.addFarmingEvidence({ account: address });
    expect(await ada.score()).toMatchObject({
      score_ppm: 200_000,
      lines: [{ backing: 'block 900, proven' }],
    });
  });
});
