/**
 * Objects as a person meets them: the samples of the local network open, play and can be sought through; a folder
 * shows its files; an encrypted text needs its password.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@playwright/test';
import { SAMPLE_PASSWORD } from '../devnet/samples.ts';
import { beside, besideApp } from './support/beside.ts';
import { download, objectsScreen, openSample } from './support/objects.ts';
import { card, NOWHERE, profile } from './support/profile.ts';
import { historyNetwork } from './support/programs.ts';

const MINUTE = 60_000;
const NOBODYS = `bafkr6i${'a'.repeat(52)}`;
const app = besideApp();
const network = beside(historyNetwork);

test('samples open, play and can be sought through', async ({ browser }) => {
  const page = await profile(browser, app().url, network());
  await objectsScreen(page);

  await test.step('a text is shown and verified', async () => {
    const opened = await openSample(page, 'hello.txt');
    await expect(opened.getByText('A first text out of history')).toBeVisible({ timeout: MINUTE });
    await expect(opened.getByText('verified', { exact: true })).toBeVisible();
  });
  await test.step('what is opened again comes into sight again', async () => {
    const heading = page.getByRole('heading', { name: 'hello.txt', exact: true });
    await expect(heading).toBeFocused();
    await page.getByRole('link', { name: 'hello.txt', exact: true }).first().click();
    await expect(heading).toBeFocused({ timeout: MINUTE });
  });
  await test.step('a picture is drawn', async () => {
    const picture = (await openSample(page, 'sunrise.jpg')).locator('img.preview');
    await expect
      .poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth), { timeout: MINUTE })
      .toBe(1280);
  });
  await test.step('the headers of all segments are verified, for others to ask', async () => {
    await expect(page.getByTestId('served')).toContainText(/(\d+) of \1 verified/, { timeout: MINUTE });
  });
  await test.step('what is no identifier, and what nobody knows, is said plainly; nothing is downloaded for it', async () => {
    const open = card(page, 'Open');
    const kept = page.getByTestId('served').locator('dd').nth(1);
    // What was opened before is kept once its pieces are checked.
    await expect(kept).not.toHaveText('0 pieces', { timeout: MINUTE });
    const before = await kept.textContent();
    const attempt = async (text: string): Promise<void> => {
      await open.getByLabel('Identifier or link').fill(text);
      await open.getByRole('button', { name: 'Open', exact: true }).click();
    };
    await attempt('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi');
    await expect(open.getByRole('alert')).toContainText(/begins? with bafkr6i/);
    await attempt(NOBODYS);
    await expect(open.getByRole('alert')).toContainText('Nobody who was asked knows', { timeout: MINUTE });
    await open.getByText('Where', { exact: true }).click();
    await expect(open.getByText(`part ${NOBODYS}`)).toBeVisible();
    expect(await kept.textContent()).toBe(before);
  });
  await test.step('it is said who is asked where an object lies, and the person may give it up', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    try {
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo;
      const open = card(page, 'Open');
      await open.getByText('If nobody knows where it lies').click();
      await open.getByLabel('An index of the network').fill(`http://127.0.0.1:${port}`);
      await open.getByRole('button', { name: 'Ask it, too' }).click();
      await expect(open.getByTestId('indexer')).toBeVisible();
      await open.getByLabel('Identifier or link').fill(`bafkr6i${'b'.repeat(51)}a`);
      await open.getByRole('button', { name: 'Open', exact: true }).click();
      await expect(open.getByText(/^Asked where it lies: .*127\.0\.0\.1/)).toBeVisible();
      await open.getByRole('button', { name: 'Cancel' }).press('Enter');
      await expect(open.getByRole('button', { name: 'Open', exact: true })).toBeFocused();
      await expect(open.getByText(/^Asked where it lies/)).toBeHidden();
      await page.keyboard.press('Enter');
      await expect(open.getByRole('button', { name: 'Looking for it…' })).toBeFocused();
      await page.keyboard.press('Escape');
      await expect(open.getByRole('button', { name: 'Open', exact: true })).toBeFocused();
      await open.getByRole('button', { name: 'Remove' }).click();
      await expect(open.getByTestId('indexer')).toBeHidden();
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });
  await test.step('a video plays and is sought through', async () => {
    const video = (await openSample(page, 'sunrise.webm')).locator('video');
    await expect
      .poll(() => video.evaluate((one: HTMLVideoElement) => one.duration), { timeout: MINUTE })
      .toBeGreaterThan(9);
    const reached = await video.evaluate(async (one: HTMLVideoElement) => {
      const sought = new Promise((done) => one.addEventListener('seeked', done, { once: true }));
      one.currentTime = 8;
      await sought;
      return one.currentTime;
    });
    expect(reached).toBeCloseTo(8, 1);
  });
  await test.step('a part of it comes as asked', async () => {
    const part = await page.evaluate(async () => {
      const address = document.querySelector('video')!.src;
      const response = await fetch(address, { headers: { Range: 'bytes=1000000-1000099' } });
      const body = new Uint8Array(await response.arrayBuffer());
      return {
        status: response.status,
        range: response.headers.get('Content-Range'),
        policy: response.headers.get('Content-Security-Policy'),
        bytes: [...body],
      };
    });
    const video = readFileSync('devnet/data/samples/sunrise.webm');
    expect(part.status).toBe(206);
    expect(part.range).toBe(`bytes 1000000-1000099/${video.length}`);
    expect(part.policy).toContain('sandbox');
    expect(part.bytes).toEqual([...video.subarray(1_000_000, 1_000_100)]);
    const answers = await page.evaluate(async () => {
      const address = document.querySelector('video')!.src;
      const ask = async (headers: Record<string, string>, method = 'GET') => {
        const response = await fetch(address, { method, headers });
        const reader = response.body?.getReader();
        const first = await reader?.read();
        // Whoever seeks leaves the rest unread.
        await reader?.cancel();
        const { status } = response;
        return [
          status,
          response.headers.get('Content-Range'),
          response.headers.get('Content-Length'),
          first?.value?.length,
        ];
      };
      const tag = (await fetch(address, { method: 'HEAD' })).headers.get('ETag')!;
      return {
        last: await ask({ Range: 'bytes=-7' }),
        open: await ask({ Range: `bytes=10-` }).then((answer) => answer.slice(0, 2)),
        beyond: await ask({ Range: 'bytes=99999999-' }),
        several: await ask({ Range: 'bytes=0-1,4-5' }).then((answer) => answer.slice(0, 3)),
        same: await ask({ Range: 'bytes=0-1', 'If-Range': tag }),
        other: await ask({ Range: 'bytes=0-1', 'If-Range': '"other"' }).then((answer) => answer.slice(0, 3)),
        head: await ask({ Range: 'bytes=0-1' }, 'HEAD'),
        post: await ask({}, 'POST').then(([status]) => status),
      };
    });
    const size = video.length;
    expect(answers).toEqual({
      last: [206, `bytes ${size - 7}-${size - 1}/${size}`, '7', 7],
      open: [206, `bytes 10-${size - 1}/${size}`],
      beyond: [416, `bytes */${size}`, null, undefined],
      several: [200, null, String(size)],
      same: [206, `bytes 0-1/${size}`, '2', 2],
      other: [200, null, String(size)],
      head: [200, null, String(size), undefined],
      post: 405,
    });
  });
  await test.step('nothing out of history runs as a script of the app', async () => {
    const opened = await openSample(page, 'hello.txt');
    await expect(opened.getByText('A first text out of history')).toBeVisible({ timeout: MINUTE });
    const outcome = await page.evaluate(
      (address) =>
        new Promise((resolve) => {
          const script = document.createElement('script');
          script.addEventListener('load', () => resolve('it ran'));
          script.addEventListener('error', () => resolve('it was kept from it'));
          script.src = address;
          document.head.append(script);
        }),
      `/object/${new URL(page.url()).hash.slice('#/objects/'.length)}`,
    );
    expect(outcome).toBe('it was kept from it');
  });
  await test.step('a folder shows its files and is saved as a zip file', async () => {
    const opened = await openSample(page, 'notes');
    await expect(opened.getByRole('button', { name: 'superlight.md' })).toBeVisible();
    const zip = await download(page, opened);
    expect(zip.subarray(0, 4).toString('latin1')).toBe('PK\u0003\u0004');
    await opened.getByRole('button', { name: 'superlight.md' }).click();
    await expect(card(page, 'superlight.md').locator('pre')).toContainText('#', { timeout: MINUTE });
    await card(page, 'superlight.md').getByRole('button', { name: 'Back to notes' }).click();
    await expect(opened.getByRole('button', { name: 'superlight.md' })).toBeVisible({ timeout: MINUTE });
    await opened.getByRole('button', { name: 'superlight.md' }).click();
    await expect(card(page, 'superlight.md')).toBeVisible({ timeout: MINUTE });
    // The address names it still.
    await openSample(page, 'notes');
  });
  await test.step('an encrypted text opens with its password only', async () => {
    const opened = await openSample(page, 'secret.txt');
    await opened.getByLabel('Password').fill('wrong');
    await opened.getByRole('button', { name: 'Unlock' }).click();
    await expect(opened.getByText('The password does not open this file.')).toBeVisible({ timeout: MINUTE });
    await opened.getByLabel('Password').fill(SAMPLE_PASSWORD);
    await opened.getByRole('button', { name: 'Unlock' }).click();
    await expect(opened.getByText('This text was encrypted')).toBeVisible({ timeout: MINUTE });
    await expect(opened.getByRole('heading', { name: 'secret.txt' })).toBeFocused();
  });
  await test.step('an object is kept with its pieces, and a link opens it again', async () => {
    const opened = await openSample(page, 'tune.wav');
    const file = await download(page, opened);
    expect(file.subarray(0, 4).toString('latin1')).toBe('RIFF');
    await opened.getByRole('button', { name: 'Keep here' }).click();
    await expect(page.getByTestId('transfer').getByText('complete, verified')).toBeVisible({
      timeout: MINUTE,
    });
    const kept = card(page, 'Kept in this browser').locator('li', { hasText: 'tune.wav' });
    await kept.getByRole('button', { name: 'Pin', exact: true }).click();
    await expect(kept.getByRole('button', { name: 'Unpin' })).toBeVisible();
    await opened.getByRole('button', { name: 'Copy link' }).click();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(link).toContain('?at=');
    await expect(opened.getByRole('button', { name: 'Link copied' })).toBeVisible();
    await expect(opened.getByRole('button', { name: 'Copy link' })).toBeVisible();
    await openSample(page, 'hello.txt');
    await page.goto(link);
    await expect(card(page, 'tune.wav')).toBeVisible({ timeout: MINUTE });
  });
  await test.step('what takes itself off the page leaves the focus where it was', async () => {
    await page.getByTestId('transfer').getByRole('button', { name: 'Clear' }).press('Enter');
    await expect(page.getByRole('heading', { name: 'Retrievals' })).toBeFocused();
  });
  await test.step('what is kept opens without a network, which is joined once it is there again', async () => {
    const address = page.url();
    await page.context().setOffline(true);
    await page.reload();
    await page.evaluate(() => {
      window.location.hash = '#/home';
    });
    await expect(page.getByText('The connection is tried again by itself.')).toBeVisible({ timeout: MINUTE });
    await page.goto(address);
    await expect(card(page, 'tune.wav').locator('audio')).toBeVisible({ timeout: MINUTE });
    await expect(page.getByTestId('connection')).toHaveCount(0);
    await page.context().setOffline(false);
    await expect(page.getByTestId('connection').first()).toBeVisible({ timeout: 2 * MINUTE });
  });
  await test.step('so does what is forgotten', async () => {
    await page.getByRole('button', { name: 'Forget' }).press('Enter');
    await expect(page.getByRole('heading', { name: 'Kept in this browser' })).toBeFocused();
    await page.getByRole('link', { name: 'Skip to content' }).press('Enter');
    await expect(page.getByRole('main')).toBeFocused();
    await expect(page.getByRole('heading', { name: 'Objects', level: 1 })).toBeVisible();
  });
});

test('what is asked for before the chain is verified waits for it, and can be given up', async ({
  browser,
}) => {
  const page = await profile(browser, app().url, NOWHERE);
  await page.evaluate((cid) => {
    window.location.hash = `#/objects/${cid}`;
  }, NOBODYS);
  const open = card(page, 'Open');
  await expect(
    page.getByText('Objects can be opened once the chain is verified up to its head'),
  ).toBeVisible();
  await expect(page.getByText('This screen goes on by itself then.')).toBeVisible();
  await expect(open.getByRole('button', { name: 'Waiting for the chain…' })).toBeDisabled();
  await open.getByRole('button', { name: 'Cancel' }).click();
  await expect(open.getByRole('button', { name: 'Open', exact: true })).toBeEnabled();
  await expect(open.getByLabel('Identifier or link')).toHaveValue(NOBODYS);
});

test('history is looked through for what nobody knows, which can be paused', async ({ browser }) => {
  const page = await profile(browser, app().url, network());
  await page.evaluate((cid) => {
    window.location.hash = `#/objects/${cid}`;
  }, NOBODYS);
  // Opened by itself once the chain is verified.
  await expect(card(page, 'Open').getByRole('alert')).toContainText('Nobody who was asked knows', {
    timeout: 4 * MINUTE,
  });
  await objectsScreen(page);
  const link = await page.getByRole('link', { name: 'hello.txt', exact: true }).getAttribute('href');
  const search = page.getByTestId('search');
  const lookFor = async (cid: string): Promise<void> => {
    await card(page, 'Open').getByLabel('Identifier or link').fill(cid);
    await page.getByRole('button', { name: 'Search all of history' }).click();
  };
  await page.getByText('If nobody knows where it lies').click();
  await lookFor(NOBODYS);
  await expect(search).toContainText(/[1-9][0-9]* of \d+ pieces looked through/, { timeout: MINUTE });
  await search.getByRole('button', { name: 'Pause' }).click();
  await expect(search).toHaveAttribute('data-state', 'paused');
  await search.getByRole('button', { name: 'Go on' }).click();
  await expect(search).toContainText('of them earlier', { timeout: MINUTE });
  await lookFor(/bafkr6i[a-z2-7]+/.exec(link!)![0]);
  await expect(search).toHaveAttribute('data-state', 'found', { timeout: 3 * MINUTE });
  await search.getByRole('button', { name: 'Open it' }).click();
  const opened = card(page, 'hello.txt');
  await expect(opened.getByText('A first text out of history')).toBeVisible({ timeout: MINUTE });
});
