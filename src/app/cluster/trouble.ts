import type { FarmSeen, Presence, RosterView } from '../../cluster/roster-view.ts';
import { count } from '../format.ts';

/** Who is slow or gone, in a sentence; null where all is well. */
export function troubleIn({ controllers, caches, farms }: RosterView): string | null {
  const gone = (members: readonly { presence: Presence }[]): number =>
    members.filter(({ presence }) => presence === 'gone').length;
  const slow = farms.filter((farm) => farm.presence !== 'gone' && farm.slow.length > 0).length;
  const said = [
    tell(gone(controllers), 'controller', 'gone'),
    tell(gone(caches), 'cache', 'gone'),
    tell(gone(farms), 'farm', 'gone'),
    tell(slow, 'farm', 'slow'),
  ].filter((part) => part !== null);
  return said.length === 0 ? null : `${said.join(', ')}.`;
}

function tell(number: number, what: string, how: string): string | null {
  if (number === 0) return null;
  return number === 1 ? `1 ${what} is ${how}` : `${count(number)} ${what}s are ${how}`;
}

/** Those in trouble first. */
export function byTrouble(one: FarmSeen, other: FarmSeen): number {
  const rank = ({ presence, slow }: FarmSeen): number =>
    presence === 'gone' ? 0 : slow.length > 0 ? 1 : presence === 'quiet' ? 2 : 3;
  return rank(one) - rank(other);
}
