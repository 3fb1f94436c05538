import { describe, expect, it } from 'vitest';
import type { ChainSource } from '../network/source.ts';
import type { Header } from '../protocol/types.ts';
import { Peer } from './peer.ts';

const headerOf = (number: number): Header => ({
  parentHash: new Uint8Array(32),
  number,
  stateRoot: new Uint8Array(32),
  extrinsicsRoot: new Uint8Array(32),
  digest: [],
});

/** A peer of a source that announces what the test wants, by a clock that the test sets. */
function setUp() {
  const world: { now: number; lies: string[]; announce: (header: Header) => void } = {
    now: 0,
    lies: [],
    announce: () => undefined,
  };
  const source: Partial<ChainSource> = {
    name: 'a node',
    state: 'connected',
    onState: () => () => undefined,
    onHeader: (listener) => {
      world.announce = listener;
      return () => undefined;
    },
  };
  const events = {
    changed: () => undefined,
    heard: () => undefined,
    lied: (_: Peer, rule: string) => void world.lies.push(rule),
  };
  return { world, peer: new Peer(source as ChainSource, events, () => world.now) };
}

describe('announcements of a source', () => {
  it('wait to be looked at, the newest 64 of them', () => {
    const { world, peer } = setUp();
    for (let number = 1; number <= 100; number += 1) world.announce(headerOf(number));
    const waiting: number[] = [];
    for (let next = peer.nextAnnouncement(); next !== null; next = peer.nextAnnouncement())
      waiting.push(next.header.number);
    expect(waiting).toEqual(Array.from({ length: 64 }, (_, at) => 37 + at));
    expect(peer.claimedBest?.header.number).toBe(100);
  });

  it('are a flood when 401 come in ten seconds, and none when they take longer', () => {
    const { world } = setUp();
    for (let number = 1; number <= 1_200; number += 1) {
      world.announce(headerOf(number));
      world.now += 26;
    }
    expect(world.lies).toEqual([]);
    world.now += 60_000;
    for (let number = 1; number <= 400; number += 1) world.announce(headerOf(number));
    expect(world.lies).toEqual([]);
    world.announce(headerOf(401));
    expect(world.lies).toEqual(['flood']);
  });
});
