/**
 * A page and a drawing out of history, full of what a browser would run or fetch: none of it runs and nothing is asked
 * for, however they are opened, and without the first barrier too, which is that they are only ever downloaded.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test, type Page } from '@playwright/test';
import { objectPath } from '../src/objects/link.ts';
import { prepareFile } from '../src/objects/prepare.ts';
import { concat, littleEndian, utf8 } from '../src/protocol/bytes.ts';
import { cidOfHash } from '../src/protocol/cid.ts';
import { RAW_RECORD_BYTES } from '../src/protocol/constants.ts';
import { blake3Hash } from '../src/protocol/hash.ts';
import { recordFromRaw } from '../src/protocol/record.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { beside, besideApp } from './support/beside.ts';
import { objectsScreen } from './support/objects.ts';
import { profile } from './support/profile.ts';
import { historyNetwork } from './support/programs.ts';

const MINUTE = 60_000;
const app = besideApp();
const network = beside(historyNetwork);

/** What each of them would do: everything it asks for is called so. */
const LEAVES = 'leaves';
const SCRIPT = `fetch('/${LEAVES}-script'); localStorage.setItem('ran', 'it did'); parent.postMessage('ran', '*');`;
const FILES: Record<string, string> = {
  'page.html': `<!doctype html><title>Active</title><script>${SCRIPT}</script>
    <meta http-equiv="refresh" content="1;url=/${LEAVES}-refresh">
    <link rel="stylesheet" href="/${LEAVES}-style"><img src="/${LEAVES}-image" onerror="${SCRIPT}">
    <iframe src="/${LEAVES}-frame"></iframe><form id="form" action="/${LEAVES}-form"></form>
    <body onload="${SCRIPT}; document.getElementById('form').submit()">`,
  'drawing.svg': `<svg xmlns="http://www.w3.org/2000/svg" onload="${SCRIPT}" width="9" height="9">
    <script>${SCRIPT}</script><image href="/${LEAVES}-image" width="9" height="9"/>
    <style>@import url("/${LEAVES}-style");</style></svg>`,
};
/** A piece of the network's first segment; what lies in it is accepted by its hash. */
const PIECE = 2n;

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Addresses of the files, and a piece that holds them, as a file of the browser's cache of pieces. */
async function stored(): Promise<{ paths: string[]; cached: Uint8Array }> {
  const raw = new Uint8Array(RAW_RECORD_BYTES);
  const paths: string[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(FILES)) {
    for await (const { hash, bytes } of prepareFile(only(utf8(text)), name)) {
      const object = new ScaleWriter().byteVector(bytes).bytes();
      raw.set(object, offset);
      paths.push(objectPath({ cid: cidOfHash(hash), hints: [{ pieceIndex: PIECE, offset }] }));
      offset += object.length;
    }
  }
  const content = concat(littleEndian(PIECE, 8), recordFromRaw(raw), new Uint8Array(96));
  return { paths, cached: concat(content, blake3Hash(content)) };
}

/** Puts a piece among those that were fetched and checked. */
async function putInCache(page: Page, cached: Uint8Array): Promise<void> {
  await page.evaluate(
    async ([name, base64]) => {
      const bytes = Uint8Array.from(atob(base64!), (character) => character.charCodeAt(0));
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle('pieces', { create: true });
      const writing = await (await folder.getFileHandle(name!, { create: true })).createWritable();
      await writing.write(bytes);
      await writing.close();
    },
    [`piece-${PIECE}.bin`, Buffer.from(cached).toString('base64')],
  );
}

interface Answer {
  headers: Record<string, string>;
  body: string;
}

/** An answer of the app to whoever asks for an object. */
const answerOf = (page: Page, path: string): Promise<Answer> =>
  page.evaluate(async (address) => {
    const response = await fetch(address);
    return { headers: Object.fromEntries(response.headers), body: await response.text() };
  }, path);

/** Opens a path in every way in which a page can be made to, and waits until what would run has run. */
async function openInEveryWay(page: Page, path: string): Promise<void> {
  await page.evaluate(async (address) => {
    const elements = (['iframe', 'embed', 'object', 'img', 'script', 'link'] as const).map((name) => {
      const element = document.createElement(name);
      element.setAttribute(name === 'object' ? 'data' : name === 'link' ? 'href' : 'src', address);
      if (name === 'link') element.setAttribute('rel', 'stylesheet');
      document.body.append(element);
      return element;
    });
    await new Promise((done) => setTimeout(done, 3_000));
    for (const element of elements) element.remove();
  }, path);
}

/** Notes what of a page's context is asked for that a file in history named. */
function asked(page: Page): string[] {
  const found: string[] = [];
  page.context().on('request', (request) => {
    if (request.url().includes(LEAVES)) found.push(request.url());
  });
  return found;
}

const ran = (page: Page): Promise<string | null> => page.evaluate(() => localStorage.getItem('ran'));

test('a page and a drawing out of history run nowhere, and ask for nothing', async ({ browser }) => {
  const { paths, cached } = await stored();
  const page = await profile(browser, app().url, network());
  await objectsScreen(page);
  await putInCache(page, cached);
  await page.reload();
  await objectsScreen(page);
  const requests = asked(page);
  const answers: Answer[] = [];
  for (const [at, path] of paths.entries()) {
    await expect
      .poll(async () => (await answerOf(page, path)).body, { timeout: MINUTE })
      .toBe(Object.values(FILES)[at]);
    answers.push(await answerOf(page, path));
    await openInEveryWay(page, path);
    const other = await page.context().newPage();
    const download = other.waitForEvent('download', { timeout: MINUTE });
    // What is downloaded is no page to go to.
    await other.goto(new URL(path, page.url()).href).catch(() => undefined);
    expect((await download).suggestedFilename()).toBe(Object.keys(FILES)[at]);
    await other.close();
  }
  expect([await ran(page), requests]).toEqual([null, []]);

  await test.step('nor if they were shown: the headers alone forbid it', async () => {
    const reached: string[] = [];
    const plain = createServer((request, response) => {
      if (request.url?.includes(LEAVES)) reached.push(request.url);
      const [, guarded, number] = /^\/(guarded|bare)-(\d)$/.exec(request.url ?? '') ?? [];
      const answer = answers[Number(number)];
      if (answer === undefined) return response.writeHead(204).end();
      const { 'content-type': type, 'content-disposition': _, ...headers } = answer.headers;
      const own = guarded === 'guarded' ? headers : {};
      response.writeHead(200, { ...own, 'content-type': type }).end(answer.body);
    });
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const { port } = plain.address() as AddressInfo;
    const shown = async (name: string): Promise<string[]> => {
      const context = await browser.newContext();
      try {
        const reader = await context.newPage();
        await reader.goto(`http://127.0.0.1:${port}/${name}`);
        await reader.waitForTimeout(3_000);
        return reached.splice(0);
      } finally {
        await context.close();
      }
    };
    try {
      for (const at of paths.keys()) {
        expect(await shown(`guarded-${at}`)).toEqual([]);
        // The same without them, lest this test could not fail.
        expect(await shown(`bare-${at}`)).toContain(`/${LEAVES}-script`);
      }
    } finally {
      plain.closeAllConnections();
      plain.close();
    }
  });
});
