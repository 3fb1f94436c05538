import { describe, expect, it, vi } from 'vitest';

vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined });
const { topicOf } = await import('./notifications.ts');

describe('the topic of a notice', () => {
  it.each([
    ['reward', 'success', 'reward'],
    ['reward', 'info', null],
    ['reward', 'error', 'trouble'],
    ['missed', 'warning', 'missed'],
    ['storage', 'error', 'storage'],
    ['farm', 'error', 'trouble'],
    ['farm', 'success', null],
    ['node', 'error', 'trouble'],
    ['chain', 'warning', null],
  ] as const)('of %s, %s, is %s', (category, level, topic) => {
    expect(topicOf({ category, level })).toBe(topic);
  });
});
