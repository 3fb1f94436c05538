import { sha256 } from '@noble/hashes/sha2.js';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIdentityService, type IdentityService } from '../identity/service.ts';
import { utf8 } from '../protocol/bytes.ts';
import { createMemoryWalletStore } from '../storage/wallet-store.ts';
import { LOWEST_COST } from '../wallet/kdf.ts';
import { WalletService } from '../wallet/service.ts';
import { runAgent } from './agent.ts';

const PASSWORD = 'agent password';
let folder: string;
let file: string;
let owner: IdentityService;
let authority: string;
let agentDid: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agent-'));
  file = join(folder, 'agent.json');
  const wallet = await WalletService.open(createMemoryWalletStore(), {
    passwordKey: async (password, kdf) => sha256(utf8(password + kdf.salt)),
    cost: LOWEST_COST,
  });
  await wallet.create({ phrase: await wallet.newPhrase(12), password: 'owner password' });
  owner = createIdentityService(wallet, { network: () => 'off', registry: null });
  authority = (await owner.createIdentity({ name: 'Alice' })).did;
  const made = await owner.createAgent({
    owner: authority,
    name: 'Shopper',
    purpose: 'Buys bread',
    capabilities: [{ res: 'auto:pay', act: ['spend'], lim: { per_tx: '10' } }],
    days: 1,
  });
  agentDid = made.to;
  await writeFile(file, await owner.exportAgent({ did: agentDid, password: PASSWORD }));
  process.env['ALLOTMENT_AGENT_PASSWORD'] = PASSWORD;
});
afterAll(async () => {
  delete process.env['ALLOTMENT_AGENT_PASSWORD'];
  await rm(folder, { recursive: true, force: true });
});

describe('allotment agent', () => {
  it('signs files where it is allowed to', async () => {
    const [photo, letter] = [join(folder, 'photo.png'), join(folder, 'letter.txt')];
    await copyFile('public/icon-192.png', photo);
    await writeFile(letter, 'Dear reader');
    await expect(runAgent(['sign', file, photo])).rejects.toThrow('not-covered');
    const painter = await owner.createAgent({
      owner: authority,
      name: 'Painter',
      purpose: 'Paints',
      capabilities: [{ res: 'auto:sign:content', act: ['sign'] }],
      days: 1,
    });
    const own = join(folder, 'painter.json');
    await writeFile(own, await owner.exportAgent({ did: painter.to, password: PASSWORD }));
    const sign = async (path: string, ...more: string[]) => {
      const output = join(folder, 'out');
      const said = JSON.parse(await runAgent(['sign', own, path, '-o', output, ...more])) as {
        inside: boolean;
        permission: string;
      };
      return { ...said, content: new Uint8Array(await readFile(output)) };
    };
    const inside = await sign(photo, '--tool', 'Brush');
    expect(inside.inside).toBe(true);
    expect(await owner.verifyMedia({ content: inside.content })).toMatchObject({
      did: painter.to,
      origin: 'ai',
      statement: { capability: inside.permission, tool: 'Brush' },
    });
    const beside = await sign(letter, '--made-by', 'mixed');
    expect(beside.inside).toBe(false);
    const content = new Uint8Array(await readFile(letter));
    expect(await owner.verifyContent({ content, statement: beside.content })).toMatchObject({
      did: painter.to,
      origin: 'mixed',
      capability: beside.permission,
    });
    await expect(runAgent(['sign', own, letter, '--made-by', 'robot'])).rejects.toThrow('--made-by');
    await expect(runAgent(['sign', own])).rejects.toThrow('the file to sign');
  });

  it('says who it is and what it may do', async () => {
    expect(JSON.parse(await runAgent(['show', file]))).toMatchObject({
      did: agentDid,
      name: 'Shopper',
      permissions: [{ principal: authority, capabilities: [{ res: 'auto:pay' }] }],
    });
  });

  it('proves who it is', async () => {
    const nonce = await owner.newChallenge();
    const answer = await runAgent(['authenticate', file, '--audience', 'shop', '--nonce', nonce]);
    expect(await owner.checkAuthentication({ answer, audience: 'shop', nonce })).toMatchObject({
      did: agentDid,
    });
  });

  it('acts within its limit, and is refused beyond it', async () => {
    const nonce = await owner.newChallenge();
    const use = (amount: string) =>
      runAgent([
        'use',
        file,
        '--audience',
        'shop',
        '--nonce',
        nonce,
        '--resource',
        'auto:pay',
        '--action',
        'spend',
        '--amount',
        amount,
      ]);
    const invocation = await use('per_tx=10');
    expect(await owner.checkUse({ invocation, authority, audience: 'shop', nonce })).toMatchObject({
      verdict: 'ok',
    });
    await expect(use('per_tx=11')).rejects.toThrow('not-covered');
    await expect(use('per_tx')).rejects.toThrow('NAME=NUMBER');
  });

  it.each([
    [['dance', 'x'], 'there is no command'],
    [['show'], 'takes the agent'],
    [['use', 'x', '--audience', 'a', '--nonce', 'b'], '--resource is needed'],
    [['authenticate', 'x', '--audience', 'a'], '--nonce is needed'],
    [['show', 'x', '--nonsense'], 'nonsense'],
  ])('refuses %j as wrong usage', async (args, sentence) => {
    await expect(runAgent(args)).rejects.toThrow(sentence);
  });

  it('refuses a file that was changed, and a wrong password', async () => {
    const other = join(folder, 'other.json');
    await writeFile(other, '{"v":1}');
    await expect(runAgent(['show', other])).rejects.toThrow('agent-file');
    process.env['ALLOTMENT_AGENT_PASSWORD'] = 'something else';
    await expect(runAgent(['show', file])).rejects.toThrow('wrong-password');
    process.env['ALLOTMENT_AGENT_PASSWORD'] = PASSWORD;
  });
});
