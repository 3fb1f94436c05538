import { describe, expect, it } from 'vitest';
import { Openings } from './openings.ts';

const CID = 'bafkr6ibb6dwnung2e7fumhyfxbk2ei5dhiq6cvgcn2xdsyglentidiym6y';
const OTHER = 'bafkr6ihypsdidlrmvhlukmz5imhkle7hlok3wpjbniylvm2wugeig7zava';
const place = { hash: new Uint8Array(32), pieceIndex: 514n, offset: 7 };

/** Work that ends when it is told to. */
function work() {
  let end: (value: string) => void = () => undefined;
  const signals: AbortSignal[] = [];
  const run = (signal: AbortSignal): Promise<string> => {
    signals.push(signal);
    return new Promise((resolve) => (end = resolve));
  };
  return { run, signals, end: (value: string) => end(value) };
}

describe('what is being opened', () => {
  it('says how far it is, until it is there', async () => {
    const openings = new Openings();
    const opening = work();
    const done = openings.run('a', CID, opening.run);
    const now = { id: 'a', cid: CID, asked: [], piece: null, looked: 0, parts: 0 };
    expect(openings.views()).toEqual([now]);
    openings.note({ kind: 'asking', cid: CID, whom: ['a node', 'an index'] });
    openings.note({ kind: 'asking', cid: OTHER, whom: ['somebody else'] });
    expect(openings.views()).toEqual([{ ...now, asked: ['a node', 'an index'] }]);
    openings.note({ kind: 'fetching', cid: OTHER, giver: 'somebody else', place });
    openings.note({ kind: 'fetching', cid: CID, giver: 'a node', place });
    openings.note({ kind: 'looked', pieceIndex: 514n });
    openings.note({ kind: 'verified', cid: OTHER, bytes: 9, pieceIndex: 514n });
    const piece = { index: '514', segment: '2', giver: 'a node' };
    expect(openings.views()).toEqual([{ ...now, piece, looked: 1, parts: 1 }]);
    openings.note({ kind: 'hint-wrong', cid: CID, giver: 'a node', code: 'hash' });
    openings.note({ kind: 'asking', cid: CID, whom: ['an index'] });
    expect(openings.views()).toEqual([{ ...now, asked: ['an index'], looked: 1, parts: 1 }]);
    opening.end('there');
    expect(await done).toBe('there');
    expect(openings.views()).toEqual([]);
  });

  it('is given up at once, whatever it waits for, and makes room for what is opened in its place', async () => {
    const openings = new Openings();
    const [first, second, elsewhere] = [work(), work(), work()];
    const beside = openings.run('b', OTHER, elsewhere.run);
    const replaced = openings.run('a', CID, first.run).catch((error: unknown) => error);
    const given = openings.run('a', OTHER, second.run).catch((error: unknown) => error);
    expect(await replaced).toMatchObject({ name: 'AbortError' });
    expect(openings.views().map(({ id, cid }) => [id, cid])).toEqual([
      ['b', OTHER],
      ['a', OTHER],
    ]);
    first.end('too late');
    openings.cancel('a');
    openings.cancel('nobody');
    expect(await given).toMatchObject({ name: 'AbortError' });
    expect([...first.signals, ...second.signals].map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(openings.views()).toMatchObject([{ id: 'b' }]);
    elsewhere.end('there');
    expect(await beside).toBe('there');
  });
});
