/** Notifications of the system, for those who ask for them, by category, while nobody looks at the tab. */
import { useSyncExternalStore } from 'react';
import type { Notice } from '../node/api.ts';

export const TOPICS = {
  reward: 'A reward was won',
  missed: 'A reward was missed',
  trouble: 'A farm or the node has trouble',
  storage: 'The disk is nearly full, or a folder needs access',
} as const;

export type Topic = keyof typeof TOPICS;

const KEY = 'notifications';
const listeners = new Set<() => void>();
let chosen: readonly Topic[] = read();

function read(): Topic[] {
  const stored = (localStorage.getItem(KEY) ?? '').split(',');
  return (Object.keys(TOPICS) as Topic[]).filter((topic) => stored.includes(topic));
}

/** Which topic a notice belongs to; null for what nobody is notified of. */
export function topicOf({ category, level }: Pick<Notice, 'category' | 'level'>): Topic | null {
  if (category === 'storage') return 'storage';
  if (category === 'missed') return 'missed';
  if (category === 'reward' && level === 'success') return 'reward';
  return level === 'error' ? 'trouble' : null;
}

/** The topics chosen, and what changes one; from a click, since the browser asks the person at the first. */
export function useNotifications(): [readonly Topic[], (topic: Topic, on: boolean) => Promise<void>] {
  const topics = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => chosen,
  );
  return [topics, choose];
}

async function choose(topic: Topic, on: boolean): Promise<void> {
  if (on && (await Notification.requestPermission()) !== 'granted')
    throw new Error('The browser does not let this page notify you. Its settings for this page change that.');
  chosen = on ? [...chosen, topic] : chosen.filter((other) => other !== topic);
  localStorage.setItem(KEY, chosen.join(','));
  for (const listener of listeners) listener();
}

let newest: number | null = null;

/** Shows what is new among the notices, newest first, if it was asked for and nobody looks. */
export function notifyOf(notices: readonly Notice[]): void {
  const last = newest;
  newest = notices[0]?.at ?? Date.now();
  // What was there when the page opened is no news.
  if (last === null) return;
  for (const notice of notices.filter(({ at }) => at > last).toReversed()) {
    const topic = topicOf(notice);
    if (topic !== null) notify(topic, notice.text);
  }
}

/** Shows one text, if its topic was asked for and nobody looks. */
export function notify(topic: Topic, text: string): void {
  if (!document.hidden || !chosen.includes(topic)) return;
  if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return;
  const shown = new Notification('Allotment', { body: text, tag: topic, icon: '/icon-192.png' });
  shown.addEventListener('click', () => window.focus());
}
