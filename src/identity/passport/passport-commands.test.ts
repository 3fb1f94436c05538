import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../protocol/bytes.ts';
import { nullifierOf } from '../score.ts';
import { foundState, makeMasterList, makeMrz, makePassport, type Utopia } from '../testing/passport.ts';
import { testPerson, testWallet } from '../testing/person.ts';
import type { PassportFile } from './files.ts';

const NOW = Date.UTC(2027, 4, 1);
const DAY = 86_400_000;

let utopia: Utopia;
let files: PassportFile[];
let authorities: PassportFile[];
beforeAll(async () => {
  utopia = await foundState(NOW);
  ({ files } = await makePassport(utopia));
  authorities = [await makeMasterList([utopia.authority], NOW)];
});

async function person() {
  const time = { now: NOW };
  const wallet = await testWallet();
  const ada = await testPerson(() => time.now, null, wallet);
  return { time, wallet, ada };
}

describe('a passport in the wallet', () => {
  it('is checked without being kept, and not kept without certificates of countries', async () => {
    const { ada } = await person();
    const found = await ada.checkPassport({ files, authorities });
    expect(found).toMatchObject({ countries: ['UT'], unreadable: 0, mrz: { documentNumber: 'L898902C3' } });
    expect(found.listedBy).toEqual([expect.stringContaining('Master List Signer Utopia')]);
    expect(await ada.checkPassport({ files, authorities: [] })).toMatchObject({ authority: null });
    await expect(ada.keepPassport({ files, authorities: [], did: null })).rejects.toThrow('csca-missing');
    const nobody = 'did:autoid:off:00';
    await expect(ada.keepPassport({ files, authorities, did: nobody })).rejects.toThrow('unknown-identity');
    expect(await ada.evidence()).toEqual([]);
    expect(await ada.credentials()).toEqual([]);
  });

  it('is evidence that counts for less than what others vouch for, and says why', async () => {
    const { time, ada } = await person();
    const kept = await ada.keepPassport({ files, authorities, did: null });
    expect(kept.nullifier).toBe(toHex(nullifierOf('passport:UTO', 'L898902C3')));
    const score = await ada.score();
    expect(score).toMatchObject({ score_ppm: 270_000, level: 'low', groups: { government: 270_000 } });
    const [line] = score.lines;
    expect(line!.backing).toContain('CSCA Utopia');
    expect(line!.explanation).toContain('could be a copy');
    expect(line!.explanation).not.toContain('your word');

    time.now += 700 * DAY;
    const faded = await ada.score();
    expect(faded.score_ppm).toBeGreaterThan(0);
    expect(faded.score_ppm).toBeLessThan(270_000);
    await ada.keepPassport({
      files,
      authorities: [await makeMasterList([utopia.authority], NOW)],
      did: null,
    });
    expect(await ada.score()).toMatchObject({ score_ppm: 270_000, lines: [{}] });
    time.now = Date.UTC(2032, 3, 16);
    expect((await ada.score()).lines[0]!.explanation).toBe('left out: it has expired');
  });

  it('is a credential that one signs oneself, of which parts and an age can be shown', async () => {
    const { time, ada } = await person();
    const { did } = await ada.createIdentity({ name: 'Ada' });
    await ada.keepPassport({ files, authorities, did });
    const [credential] = await ada.credentials();
    expect(credential).toMatchObject({ selfIssued: true, provable: ['birth_days'], holder: did });
    expect(credential!.claims.find(({ path }) => path[0] === 'quality')).toMatchObject({
      text: 'local',
      selective: false,
    });
    const verifier = await testPerson(() => time.now);
    const request = await verifier.newRequest({
      audience: 'club',
      credentials: [
        {
          type: 'urn:autonomys:vc:passport:1',
          claims: [['nationality']],
          predicates: [{ attribute: 'birth_days', kind: 'at-most', value: 45_000 }],
        },
      ],
    });
    const answers = [{ query: 'q1', credential: credential!.id, paths: [['nationality']] }];
    const response = await ada.present({ request, answers });
    const [result] = await verifier.verifyResponse({ request, response });
    expect(result).toMatchObject({ selfIssued: true, proved: [{ attribute: 'birth_days' }] });
    expect(JSON.stringify(result)).not.toMatch(/ERIKSSON|L898902C3|1974/);

    await ada.keepPassport({ files, authorities, did });
    expect(await ada.credentials()).toHaveLength(1);
    await expect(
      ada.addEvidence({ type: 'gov-vc', service: 'me', account: '1', credential: credential!.id }),
    ).rejects.toThrow('self-issued');
  });

  it('counts once for each document', async () => {
    const { ada } = await person();
    const { files: card } = await makePassport(utopia, { mrz: makeMrz('TD1', { number: 'D23145890' }) });
    await ada.keepPassport({ files, authorities, did: null });
    await ada.keepPassport({ files: card, authorities, did: null });
    const { lines, score_ppm } = await ada.score();
    expect(lines).toHaveLength(2);
    expect(score_ppm).toBeLessThan(2 * 270_000);
  });

  it('is stored encrypted, and neither its files nor an error tells of it', async () => {
    const { wallet, ada } = await person();
    const { did } = await ada.createIdentity({ name: 'Ada' });
    await ada.keepPassport({ files, authorities, did });
    const stored = new TextDecoder().decode(await wallet.backup());
    expect(stored).toContain('"type":"evidence"');
    expect(stored).not.toMatch(/ERIKSSON|L898902C3|UTOPIA/i);
    const { files: wrong } = await makePassport(utopia, { mrz: makeMrz('TD3', { birth: '741332' }) });
    const { files: ended } = await makePassport(utopia, { mrz: makeMrz('TD3', { expiry: '260101' }) });
    const changed = files.map((file) => ({ ...file, content: file.content.with(40, 0x41) }));
    for (const [given, check] of [
      [wrong, 'decode-machine-readable-zone'],
      [ended, 'document-expired'],
      [changed, 'data-group-digest'],
    ] as const) {
      const failing = ada.checkPassport({ files: given, authorities });
      await expect(failing).rejects.toThrow(check);
      await expect(failing).rejects.not.toThrow(/ERIKSSON|L898902C3|741332|2026/);
    }
  });
});
