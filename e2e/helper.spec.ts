/** The native helper as a person uses it: paired in the settings, shown at work, gone, back, and caught lying. */
import { expect, test, type Locator, type Page } from '@playwright/test';
import { TestNetwork } from '../devnet/testing/test-network.ts';
import { besideApp } from './support/beside.ts';
import { card } from './support/profile.ts';
import { CODE, honest, ScriptedHelper, type Script } from '../tests/support/scripted-helper.ts';

const app = besideApp();
let network: TestNetwork;
let helper: ScriptedHelper;
let script: Script = honest;

test.beforeAll(async () => {
  network = await TestNetwork.start();
  helper = await ScriptedHelper.start((...asked) => script(...asked));
});
test.afterAll(async () => {
  await helper?.stop();
  await network?.remove();
});

const open = (page: Page, screen: string) => page.goto(`${app().url}/#/${screen}`);

/** How the proof of time of the next block was verified. */
async function nextBlock(page: Page): Promise<Locator> {
  const { number } = await network.reach(network.network.chain.best.number + 1);
  const block = page.locator('details.block', { hasText: `#${number}` });
  await expect(block).toBeVisible({ timeout: 60_000 });
  await block.locator('summary').click();
  return block;
}

test('is paired, used, done without, and put off when it lies', async ({ page }) => {
  await page.goto(app().url);
  await page.getByRole('button', { name: 'Get started' }).click();
  await page.getByLabel('Node to talk to').fill(`ws://127.0.0.1:${network.network.port}`);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('Only verify').click();
  await page.getByRole('button', { name: 'Start verifying' }).click();
  await open(page, 'settings');
  const own = card(page, 'Helper');

  await test.step('a wrong code is refused with its reason', async () => {
    await own.getByText('Another port').click();
    await own.getByLabel('Port', { exact: true }).fill(String(helper.port));
    await own.getByLabel('Pairing code').fill('f'.repeat(32));
    await own.getByRole('button', { name: 'Pair' }).click();
    await expect(own.getByText('not the one that the helper printed')).toBeVisible();
  });
  await test.step('the right one pairs, and the helper verifies', async () => {
    await own.getByLabel('Pairing code').fill(CODE);
    await own.getByRole('button', { name: 'Pair' }).click();
    await expect(own.getByText('in use', { exact: true })).toBeVisible();
    await expect(own.getByText('allotment-helper 0.1.0')).toBeVisible();
    await open(page, 'chain');
    await expect((await nextBlock(page)).getByText('verified by your helper')).toBeVisible();
    await expect(card(page, 'Proof of time').getByText('by your helper', { exact: true })).toBeVisible();
  });
  await test.step('it is paired still after a reload', async () => {
    await page.reload();
    await expect(card(page, 'Proof of time').getByText('by your helper', { exact: true })).toBeVisible();
  });
  const { port } = helper;
  await test.step('this tab verifies while it is gone', async () => {
    await helper.stop();
    await expect(card(page, 'Proof of time').getByText('by your helper', { exact: true })).toBeHidden();
    await expect((await nextBlock(page)).getByText('every checkpoint verified here')).toBeVisible();
  });
  await test.step('it is used again when it is back', async () => {
    helper = await ScriptedHelper.start((...asked) => script(...asked), { port });
    await expect(card(page, 'Proof of time').getByText('by your helper', { exact: true })).toBeVisible({
      timeout: 60_000,
    });
  });
  await test.step('a lie is found, and the block verified all the same', async () => {
    script = (asked, paired) =>
      asked.method === 'verify'
        ? { id: asked.id, result: asked.params.slots!.map(() => ({ firstWrong: 3 })) }
        : honest(asked, paired);
    await expect((await nextBlock(page)).getByText('every checkpoint verified here')).toBeVisible();
    await open(page, 'settings');
    await expect(own.getByText('gave a wrong answer')).toBeVisible();
    await expect(own.getByText('not used', { exact: true })).toBeVisible();
  });
  await test.step('the budget is chosen in words, and kept', async () => {
    const budget = card(page, 'Proof of time');
    await budget.getByText('3 of 8, drawn at random').click();
    await budget.getByLabel('Checkpoints of each slot').fill('5');
    await expect(budget.getByText('5 of 8, drawn at random')).toBeVisible();
    await budget.getByLabel('Cores for it').fill('1');
    await expect(budget.getByText('Cores for it: 1 of')).toBeVisible();
    // The node has taken it over when its own snapshot says so.
    await expect(async () => {
      await page.reload();
      await expect(budget.getByText('Checkpoints of each slot: 5')).toBeVisible({ timeout: 5_000 });
    }).toPass({ timeout: 60_000 });
    await expect(budget.getByText('Cores for it: 1 of')).toBeVisible();
  });
  await test.step('this tab keeps the network’s time', async () => {
    const keeping = card(page, 'Keep the network’s time');
    await keeping.getByLabel('This tab keeps time').click();
    await expect(() => expect(network.lines).toContain('A page keeps time.')).toPass({ timeout: 60_000 });
    // The network stands between its blocks: what it announced before the tab listened does not come again.
    await expect(async () => {
      await network.reach(network.network.chain.best.number + 1);
      await expect(keeping.getByText('keeping time', { exact: true })).toBeVisible({ timeout: 5_000 });
    }).toPass({ timeout: 60_000 });
    await keeping.getByLabel('This tab keeps time').click();
    await expect(keeping.getByText('Slots walked')).toBeHidden();
  });
  await test.step('it is forgotten', async () => {
    page.once('dialog', (dialog) => void dialog.accept());
    await own.getByRole('button', { name: 'Forget' }).click();
    await expect(own.getByLabel('Pairing code')).toBeVisible();
  });
});
