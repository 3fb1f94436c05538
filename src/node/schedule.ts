/** When plotting may use the machine. Auditing and proving never wait: they are short, and cannot be made up for. */
import { NodeError } from './errors.ts';

export interface Schedule {
  /** Hours of the day, 0..23, local time: from the first until before the second, over midnight too. Null: any. */
  hours: [number, number] | null;
  /** Only while the machine is on mains power. */
  onMains: boolean;
  /** Only while nobody uses the machine. */
  whenIdle: boolean;
  /** Not while the machine is under thermal or other pressure. */
  whenCool: boolean;
}

export const ALWAYS: Schedule = { hours: null, onMains: false, whenIdle: false, whenCool: true };

/** What a page, or a program, sees of the machine; null: it cannot tell. */
export interface Conditions {
  onMains: boolean | null;
  idle: boolean | null;
  /** As Compute Pressure has it. */
  pressure: 'nominal' | 'fair' | 'serious' | 'critical' | null;
}

export const UNKNOWN_CONDITIONS: Conditions = { onMains: null, idle: null, pressure: null };

/** Why plotting is to wait now, in a sentence; null when it is not. What cannot be told does not hold it. */
export function reasonToWait(schedule: Schedule, conditions: Conditions, now: Date): string | null {
  const { hours } = schedule;
  if (hours !== null && !within(hours, now.getHours()))
    return `Plotting waits until ${String(hours[0]).padStart(2, '0')}:00, as you chose.`;
  if (schedule.onMains && conditions.onMains === false)
    return 'Plotting waits until the machine is plugged in again.';
  if (schedule.whenIdle && conditions.idle === false) return 'Plotting waits until nobody uses the machine.';
  if (schedule.whenCool && conditions.pressure === 'critical')
    return 'Plotting waits until the machine has cooled down.';
  return null;
}

/** Cores for plotting and verifying under that pressure: half of them when it is serious. */
export function coresUnder(pressure: Conditions['pressure'], cores: number, schedule: Schedule): number {
  return schedule.whenCool && pressure === 'serious' ? Math.max(1, Math.ceil(cores / 2)) : cores;
}

function within([from, to]: [number, number], hour: number): boolean {
  if (from === to) return true;
  return from < to ? hour >= from && hour < to : hour >= from || hour < to;
}

/** Throws NodeError `choice` for a schedule that is none. */
export function requireSchedule({ hours }: Schedule): void {
  const fits = (hour: number): boolean => Number.isInteger(hour) && hour >= 0 && hour < 24;
  if (hours !== null && !hours.every(fits))
    throw new NodeError('choice', 'Hours of the day go from 0 to 23.');
}
