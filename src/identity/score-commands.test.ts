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
    const ada = await testPerson(() => time.now, null, wallet, {
      lastReward: async (account) => {
        expect(account).toBe(address);
        return reward;
      },
    });
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

  it('of age is an old transaction of one’s own, and fades until it is proved anew', async () => {
    const time = { now: Date.UTC(2030, 0, 1) };
    const wallet = await testWallet();
    const account = (await wallet.status()).accounts[0]!.address;
    const signed = new Map([
      [40, time.now - 200 * DAY],
      [900, time.now - 10 * DAY],
    ]);
    const asked: (number | null)[] = [];
    const ada = await testPerson(() => time.now, null, wallet, {
      accountUse: async (by, block) => {
        asked.push(block);
        const at = signed.get(block ?? 900);
        return by === account && at !== undefined ? { block: block ?? 900, at } : null;
      },
    });
    await expect(ada.addAgeEvidence({ account: 'su1' })).rejects.toThrow('not-own-account');
    await expect(ada.addAgeEvidence({ account, block: 41 })).rejects.toThrow('no-use');
    for (const block of [0, -1, 1.5])
      await expect(ada.addAgeEvidence({ account, block })).rejects.toThrow('no-use');
    await expect(ada.addAgeEvidence({ account })).rejects.toThrow('too-young');
    expect(await ada.evidence()).toEqual([]);
    await ada.addAgeEvidence({ account, block: 40 });
    expect(await ada.score()).toMatchObject({
      score_ppm: 100_000,
      lines: [{ type: 'network-age', backing: 'used since 2029-06-15, block 40, proven' }],
    });
    time.now += 60 * DAY;
    expect((await ada.score()).score_ppm).toBe(50_000);
    await ada.addAgeEvidence({ account });
    expect(asked.at(-1)).toBe(40);
    expect(await ada.score()).toMatchObject({ score_ppm: 100_000, lines: [{ type: 'network-age' }] });
    time.now += 90 * DAY;
    expect((await ada.score()).score_ppm).toBe(0);
  });
});

const person = () => testPerson(() => Date.UTC(2030, 0, 1));

describe('score', () => {
  it('explains itself line by line and proves a bound without the evidence', async () => {
    const [bank, ada, verifier] = [await person(), await person(), await person()];
    const { did } = await ada.createIdentity({ name: 'Ada' });
    const { did: bankDid } = await bank.createIdentity({ name: 'Bank' });
    const { package: packed } = await bank.issueCredential({
      issuer: bankDid,
      type: 'urn:x:card',
      claims: { ok: true },
    });
    const card = await ada.acceptCredential({ text: packed });
    await ada.addEvidence({ type: 'bank-card', service: 'bank', account: '1', credential: card.id });
    await ada.addEvidence({ type: 'oauth-account', service: 'Forge', account: 'ada' });
    await expect(
      ada.addEvidence({ type: 'oauth-account', service: 'forge', account: 'ada' }),
    ).rejects.toThrow('evidence-exists');
    await expect(ada.addEvidence({ type: 'nonsense', service: 'x', account: 'y' })).rejects.toThrow(
      'evidence-type',
    );
    const score = await ada.score();
    expect(score).toMatchObject({
      score_ppm: 355_200,
      level: 'low',
      groups: { financial: 350_000, social: 8000 },
    });
    expect(score.lines.map(({ explanation }) => explanation)).toContain('counts 35.0 % of at most 35.0 %');

    const { id, score: value } = await ada.issueScore({ did });
    expect(value).toBe(3552);
    const request = await verifier.newRequest({
      audience: 'club',
      credentials: [
        {
          type: 'urn:autonomys:vc:auto-score:1',
          predicates: [{ attribute: 'score', kind: 'at-least', value: 3000 }],
        },
      ],
    });
    const response = await ada.present({ request, answers: [{ query: 'q1', credential: id, paths: [] }] });
    expect(response).not.toContain('bank');
    const [result] = await verifier.verifyResponse({ request, response });
    expect(result).toMatchObject({ selfIssued: true, proved: [{ value: 3000 }] });
    expect(result!.claims.map(({ path }) => path[0])).not.toContain('score');

    const own = await ada.issueCredential({
      issuer: did,
      subject: did,
      type: 'urn:x:me',
      claims: { human: true },
    });
    expect(own.index).toBeNull();
    const mine = (await ada.credentials()).find(({ type }) => type === 'urn:x:me');
    await expect(
      ada.addEvidence({ type: 'gov-vc', service: 'me', account: 'me', credential: mine!.id }),
    ).rejects.toThrow('self-issued');
  });

  it('follows another policy when one is set', async () => {
    const ada = await person();
    await ada.addEvidence({ type: 'vouch', service: 'a friend', account: 'grace' });
    const policy = JSON.parse(await ada.scorePolicy());
    policy.version = 'other/2';
    policy.types.vouch.weight_ppm = 1_000_000;
    await ada.setScorePolicy({ policy: JSON.stringify(policy) });
    expect(await ada.score()).toMatchObject({ policy: 'other/2', score_ppm: 100_000 });
    policy.types.vouch.fresh_s = policy.types.vouch.max_s;
    await expect(ada.setScorePolicy({ policy: JSON.stringify(policy) })).rejects.toThrow('score-policy');
    policy.types.vouch.weight_ppm = 1_000_001;
    await expect(ada.setScorePolicy({ policy: JSON.stringify(policy) })).rejects.toThrow('weight_ppm');
    await ada.setScorePolicy({ policy: null });
    expect(await ada.score()).toMatchObject({ policy: 'auto-score/1' });
  });
});
