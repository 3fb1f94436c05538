import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { OpenedObject } from '../objects/object.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { hashOfCid } from '../protocol/cid.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import type { NodeStore } from '../storage/store.ts';
import { Refusal } from '../wallet/errors.ts';
import type { PaymentRecord, PaymentState } from './payment-records.ts';
import type { PaymentPlan } from './payments.ts';
import type { UploadView } from './upload-records.ts';
import { Uploads } from './uploads.ts';

const DEPTH = 10;
/** Longer than the wait between two looks, shorter than that between two tries to read back. */
const LOOK = 5_000;
const TRY = 16_000;
/** What the account can spend; each transaction is expected to cost 3. */
const SPARE = 10n;

let saved: unknown;
let states: PaymentState[];
let offline: boolean;
let directory: MemoryDirectory;
/** Transactions that can still be paid. */
let affordable: number;
/** What happens meanwhile. */
let whilePaying: () => Promise<void>;
let onceSigned: () => Promise<void>;
let onceSent: () => Promise<void>;
/** Names of what can be read back. */
let history: Set<string>;
let opened: string[];
/** How opening goes on for an object that is not in history. */
let missing: (signal: AbortSignal) => Promise<never>;
let uploads: Uploads;

const store = {
  setting: async () => structuredClone(saved),
  putSetting: async (_: string, value: unknown) => void (saved = structuredClone(value)),
} as unknown as NodeStore;

async function open(): Promise<void> {
  uploads = await Uploads.open({
    store,
    directory,
    payments: async () => {
      if (offline) throw new Error('No node is connected yet.');
      return {
        prepare: async () => ({ fee: { total: '3' } }) as PaymentPlan,
        requireSpare: async ({ amount }) => {
          if (amount > SPARE) throw new Error('too little');
        },
        pay: async (_account, _call, signed) => {
          await whilePaying();
          affordable -= 1;
          if (affordable < 0) throw new Error('No node takes it.');
          const id = String(states.length);
          await signed?.(id);
          await onceSigned();
          states.push({ kind: 'sending' });
          await onceSent();
          return { id } as PaymentRecord;
        },
        list: async () =>
          states.map((state, id) => ({ id: String(id), state, trouble: null }) as PaymentRecord),
      };
    },
    freshService: () => ({
      open: async (cid, signal) => {
        opened.push(nameOf(cid as string));
        if (!history.has(nameOf(cid as string))) return missing(signal);
        return { hash: hashOfCid(cid as string) } as OpenedObject;
      },
      linkTo: (_, cid) => ({ cid, hints: [] }),
      async *nodesOf({ hash }) {
        yield fromHex(toHex(hash));
      },
    }),
    archivedDepth: () => DEPTH,
  });
}

const view = (name: string): UploadView => uploads.views().find((one) => one.name === name)!;
const nameOf = (cid: string): string => uploads.views().find((one) => one.cid === cid)!.name;

async function prepare(name: string): Promise<string> {
  const files = [{ path: name, content: new Blob([name]) }];
  return (await uploads.prepare({ files, compress: false, password: '', account: 'su' })).id;
}

/** The same of something that takes so many transactions. */
async function prepareLarge(transactions: number): Promise<string> {
  const content = new Blob([
    new Uint8Array(transactions * 900_000).map((_, at) => ((at * at) % 251) ^ (at >> 12)),
  ]);
  const files = [{ path: 'large', content }];
  return (await uploads.prepare({ files, compress: false, password: '', account: 'su' })).id;
}

/** An upload of one transaction, sent. */
async function send(name: string): Promise<void> {
  await uploads.send({ id: await prepare(name) });
}

const included = (depth: number, final = depth >= DEPTH): PaymentState => ({
  kind: 'included',
  block: 100,
  hash: '',
  index: 1,
  depth,
  final,
  success: true,
  failure: null,
  fee: '2',
});

beforeEach(async () => {
  vi.useFakeTimers();
  saved = undefined;
  states = [];
  offline = false;
  directory = new MemoryDirectory();
  affordable = Number.POSITIVE_INFINITY;
  whilePaying = onceSigned = onceSent = async () => undefined;
  history = new Set();
  opened = [];
  missing = () => Promise.reject(new Error('not there yet'));
  await open();
});
afterEach(() => {
  uploads.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('an upload goes from its block into history, and is read back', async () => {
  await send('a');
  expect(view('a')).toMatchObject({ step: 'sending', sent: 1, fee: '3' });
  states[0] = included(2);
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a')).toMatchObject({ step: 'included', block: 100, depth: 2, fee: '2' });
  states[0] = included(DEPTH);
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a').step).toBe('deep');
  await vi.advanceTimersByTimeAsync(TRY);
  expect(view('a')).toMatchObject({ step: 'deep', error: null });
  history.add('a');
  await vi.advanceTimersByTimeAsync(TRY);
  expect(view('a')).toMatchObject({ step: 'checked', error: null });
});

test('one that is not in history yet keeps no other from being looked at', async () => {
  missing = (signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  await send('old');
  states[0] = included(DEPTH);
  await vi.advanceTimersByTimeAsync(2 * LOOK);
  expect(opened).toEqual(['old']);
  await send('new');
  states[1] = included(1);
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('new').step).toBe('included');
  states[1] = included(DEPTH);
  await vi.advanceTimersByTimeAsync(LOOK);
  history = new Set(['old', 'new']);
  // The first try is given up, and both have their turn.
  await vi.advanceTimersByTimeAsync(60_000 + 2 * TRY);
  expect(uploads.views().map(({ step }) => step)).toEqual(['checked', 'checked']);
});

test('an older one is read back while a newer one waits', async () => {
  await send('old');
  await send('new');
  states = [included(DEPTH), included(DEPTH)];
  history.add('old');
  await vi.advanceTimersByTimeAsync(3 * TRY);
  expect(view('old').step).toBe('checked');
  expect(view('new').step).toBe('deep');
});

test('what is final is deep enough, whatever depth was noted when it became so', async () => {
  await send('a');
  states[0] = included(DEPTH - 1, true);
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a').step).toBe('deep');
});

test('a block that is left puts it back among what is sent', async () => {
  await send('a');
  states[0] = included(2);
  await vi.advanceTimersByTimeAsync(LOOK);
  states[0] = { kind: 'waiting', source: 'one' };
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a').step).toBe('sending');
  states[0] = included(1);
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a').step).toBe('included');
});

test('a look that fails says why and is followed by the next', async () => {
  await send('a');
  states[0] = included(2);
  offline = true;
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a')).toMatchObject({ step: 'sending', error: 'No node is connected yet.' });
  offline = false;
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a')).toMatchObject({ step: 'included', error: null });
});

test('what could not be sent can be sent once more', async () => {
  const id = await prepare('a');
  offline = true;
  await expect(uploads.send({ id })).rejects.toThrow('No node is connected yet.');
  expect(view('a').step).toBe('ready');
  offline = false;
  await uploads.send({ id });
  expect(view('a')).toMatchObject({ step: 'sending', sent: 1 });
});

test('what was sent in part stops with the reason, and the rest is sent, also after a reload', async () => {
  const id = await prepareLarge(3);
  affordable = 1;
  await expect(uploads.send({ id })).rejects.toThrow('No node takes it.');
  expect(view('large')).toMatchObject({
    step: 'stopped',
    sent: 1,
    transactions: 3,
    error: 'No node takes it.',
  });
  affordable = 1;
  await expect(uploads.send({ id })).rejects.toThrow('No node takes it.');
  uploads.close();
  await open();
  expect(view('large')).toMatchObject({ step: 'stopped', sent: 2 });
  affordable = 1;
  await uploads.send({ id });
  expect(view('large')).toMatchObject({ step: 'sending', sent: 3, error: null });
  expect(directory.files.size).toBe(0);
  states = states.map(() => included(DEPTH));
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('large').step).toBe('deep');
});

test('closed while it is sent, it is offered to be gone on with; without what is left it has failed', async () => {
  const id = await prepareLarge(2);
  affordable = 1;
  await uploads.send({ id }).catch(() => undefined);
  const [record] = saved as [{ view: UploadView }];
  record.view.step = 'sending';
  uploads.close();
  await open();
  expect(view('large')).toMatchObject({
    step: 'stopped',
    error: 'The app was closed before everything was sent.',
  });
  uploads.close();
  directory.files.clear();
  await open();
  expect(view('large').step).toBe('failed');
});

/** The app is closed where it waits, and opened again. */
async function closeAndOpen(): Promise<void> {
  uploads.close();
  onceSigned = onceSent = async () => undefined;
  await open();
  await vi.advanceTimersByTimeAsync(LOOK);
}

const NEVER = (): Promise<void> => new Promise(() => undefined);

test('closed while a transaction is on its way, it counts what the wallet sent: nothing is paid twice', async () => {
  onceSent = NEVER;
  void send('small');
  await vi.waitFor(() => expect(states).toHaveLength(1));
  await closeAndOpen();
  expect(view('small')).toMatchObject({ step: 'sending', sent: 1, error: null });
  states[0] = included(DEPTH);
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('small').step).toBe('deep');

  const id = await prepareLarge(3);
  onceSent = async () => (states.length === 3 ? NEVER() : undefined);
  void uploads.send({ id });
  await vi.waitFor(() => expect(states).toHaveLength(3));
  await closeAndOpen();
  expect(view('large')).toMatchObject({
    step: 'stopped',
    sent: 2,
    error: 'The app was closed before everything was sent.',
  });
  await uploads.send({ id });
  expect(view('large')).toMatchObject({ step: 'sending', sent: 3 });
  expect(states).toHaveLength(4);
});

test('closed before the wallet had written a transaction down, it was never sent', async () => {
  onceSigned = NEVER;
  void send('small');
  await vi.waitFor(() => expect(saved).toHaveLength(1));
  await closeAndOpen();
  expect(uploads.views()).toEqual([]);

  const id = await prepareLarge(2);
  onceSigned = async () => (states.length === 1 ? NEVER() : undefined);
  void uploads.send({ id });
  await vi.waitFor(() => expect(saved).toMatchObject([{ next: '1' }]));
  await closeAndOpen();
  expect(view('large')).toMatchObject({ step: 'stopped', sent: 1 });
  await uploads.send({ id });
  expect(view('large')).toMatchObject({ step: 'sending', sent: 2 });
  expect(states).toHaveLength(2);
});

test('what was on its way when the app was closed is not sent again before the wallet says what became of it', async () => {
  const id = await prepareLarge(2);
  onceSent = NEVER;
  void uploads.send({ id });
  await vi.waitFor(() => expect(states).toHaveLength(1));
  offline = true;
  await closeAndOpen();
  expect(view('large')).toMatchObject({ step: 'sending', sent: 0, error: 'No node is connected yet.' });
  await uploads.send({ id });
  expect(states).toHaveLength(1);
  offline = false;
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('large')).toMatchObject({ step: 'stopped', sent: 1 });
});

test('one that was sent counts as such though the wallet failed after it', async () => {
  const id = await prepareLarge(2);
  onceSent = () => Promise.reject(new Error('the disk is full'));
  await expect(uploads.send({ id })).rejects.toThrow('the disk is full');
  expect(view('large')).toMatchObject({ step: 'stopped', sent: 1, error: 'the disk is full' });
  onceSent = async () => undefined;
  await uploads.send({ id });
  expect([states.length, view('large').sent]).toEqual([2, 2]);
});

test('a wallet that is locked in the midst is told, and nothing that was sent is sent twice', async () => {
  const id = await prepareLarge(3);
  whilePaying = async () => {
    if (states.length === 1) throw new Refusal('locked', 'the wallet is locked', 'Unlock the wallet first.');
  };
  await expect(uploads.send({ id })).rejects.toMatchObject({ code: 'locked' });
  expect(view('large')).toMatchObject({
    step: 'stopped',
    sent: 1,
    error: 'The wallet was locked before everything was sent.',
  });
  whilePaying = async () => undefined;
  await uploads.send({ id });
  expect(view('large')).toMatchObject({ step: 'sending', sent: 3, error: null });
  expect(states).toHaveLength(3);
});

test('nodes that are not those that were prepared are not sent', async () => {
  const id = await prepareLarge(2);
  affordable = 1;
  await uploads.send({ id }).catch(() => undefined);
  uploads.close();
  directory.files.get(id)![10]! ^= 1;
  await open();
  affordable = 9;
  await expect(uploads.send({ id })).rejects.toThrow('damaged');
  expect(states).toHaveLength(1);
});

test('one that is taken off the list while it is sent is sent no further, and nothing of it stays', async () => {
  const id = await prepareLarge(3);
  whilePaying = async () => {
    if (states.length === 1) await uploads.forget({ id });
  };
  await uploads.send({ id });
  expect(states).toHaveLength(2);
  expect([uploads.views(), directory.files.size]).toEqual([[], 0]);
});

test('what the account cannot pay in all is refused before anything is sent', async () => {
  await expect(prepareLarge(4)).rejects.toThrow('too little');
  expect(uploads.views()).toEqual([]);
});

test('a reload goes on with what was sent', async () => {
  await send('a');
  uploads.close();
  await open();
  states[0] = included(DEPTH);
  history.add('a');
  await vi.advanceTimersByTimeAsync(2 * LOOK);
  expect(view('a').step).toBe('checked');
});

test.each<[string, PaymentState]>([
  ['was usurped', { kind: 'failed', code: 'usurped', sentence: 'Another took its place.' }],
  ['failed in its block', { ...(included(1) as PaymentState & { kind: 'included' }), success: false }],
])('a transaction that %s ends it until another branch of the chain holds it', async (_, state) => {
  await send('a');
  states[0] = state;
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a').step).toBe('failed');
  expect(view('a').error).not.toBeNull();
  uploads.close();
  await open();
  states[0] = { kind: 'waiting', source: 'one' };
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a')).toMatchObject({ step: 'sending', error: null });
  states[0] = included(DEPTH);
  history.add('a');
  await vi.advanceTimersByTimeAsync(2 * LOOK);
  expect(view('a')).toMatchObject({ step: 'checked', error: null });
});

test('one that failed for good stays so when its transaction is taken off the list', async () => {
  await send('a');
  states[0] = { kind: 'failed', code: 'expired', sentence: 'No block took it in time.' };
  await vi.advanceTimersByTimeAsync(LOOK);
  states = [];
  await vi.advanceTimersByTimeAsync(3 * LOOK);
  expect(view('a')).toMatchObject({ step: 'failed', error: 'No block took it in time.' });
});

test('a transaction that failed ends it', async () => {
  await send('a');
  states[0] = { kind: 'failed', code: 'expired', sentence: 'No block took it in time.' };
  await vi.advanceTimersByTimeAsync(LOOK);
  expect(view('a')).toMatchObject({ step: 'failed', error: 'No block took it in time.' });
});

test('what has a name that does not fit is not prepared, in words', async () => {
  const full = new Uint8Array(65_066);
  const prepareNamed = (path: string, content: Uint8Array<ArrayBuffer>) =>
    uploads.prepare({
      files: [{ path, content: new Blob([content]) }],
      compress: false,
      password: '',
      account: 'su',
    });
  for (const [path, content] of [
    ['n'.repeat(256), full.subarray(1)],
    [`${'n'.repeat(256)}/a`, full.subarray(1)],
    // Fits by its characters, not with this content.
    ['ñ'.repeat(255), full],
  ] as const)
    await expect(prepareNamed(path, content)).rejects.toMatchObject({
      code: 'choice',
      sentence: expect.stringContaining('too long'),
    });
  expect(uploads.views()).toEqual([]);
  await prepareNamed('ñ'.repeat(255), full.subarray(200));
});
