import { expect, test } from 'vitest';
import { StatusLine } from './status-line.ts';

function line(isTTY: boolean) {
  let now = 0;
  let written = '';
  const status = new StatusLine({ isTTY, write: (text) => (written += text) }, () => now);
  return { status, later: (ms: number) => void (now += ms), written: () => written };
}

test('away from a terminal a matter gets a line at once and another every ten seconds', () => {
  const { status, later, written } = line(false);
  status.say('Connecting');
  for (let block = 1; block <= 250; block += 1) {
    status.say('Verifying', `block ${block}`);
    later(100);
  }
  status.close('Verified');
  expect(written()).toBe(
    'Connecting…\nVerifying: block 1\nVerifying: block 101\nVerifying: block 201\nVerified\n',
  );
});

test('a wait in which nothing changes is said again', () => {
  const { status, later, written } = line(false);
  status.say('Looking');
  later(11_000);
  status.say('Looking');
  expect(written()).toBe('Looking…\nLooking…\n');
});

test('at a terminal one line is written over, no more than a few times a second', () => {
  const { status, later, written } = line(true);
  status.say('Verifying', '1');
  later(100);
  status.say('Verifying', '2');
  later(200);
  status.say('Verifying', '3');
  later(300);
  status.say('Verifying', '3');
  status.end();
  expect(written()).toBe('\rVerifying: 1\x1b[K\rVerifying: 3\x1b[K\n');
});
