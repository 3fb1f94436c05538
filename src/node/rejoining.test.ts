import { describe, expect, it } from 'vitest';
import { Rejoining } from './rejoining.ts';

describe('a peer that is alone', () => {
  it('begins anew when the chain goes on, every 15 s at most, and not while somebody is there', async () => {
    let [now, alone, begun] = [1_000, true, 0];
    const rejoining = new Rejoining({
      alone: () => alone,
      begin: () => {
        begun += 1;
        return Promise.reject(new Error('nobody is there'));
      },
      elapsed: () => now,
    });
    const lookAt = (ms: number): number => {
      now = ms;
      rejoining.look();
      return begun;
    };
    expect(lookAt(15_999)).toBe(0);
    expect(lookAt(16_000)).toBe(1);
    expect(lookAt(30_999)).toBe(1);
    alone = false;
    expect(lookAt(60_000)).toBe(1);
    alone = true;
    expect(lookAt(60_001)).toBe(2);
    await new Promise(setImmediate);
  });
});
