import { useState } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import { ALWAYS, type Schedule } from '../../node/schedule.ts';
import { Section } from '../components/Section.tsx';
import { node } from '../node-client.ts';
import { askToSeeIdleness, machineSenses } from '../conditions.ts';
import { useScreenAwake } from '../screen-awake.ts';

/** When plotting may use the machine. */
export function ScheduleCard({ snapshot }: ScreenProps) {
  const schedule = snapshot.setup.schedule ?? ALWAYS;
  const [screen, setScreen] = useScreenAwake();
  const change = (part: Partial<Schedule>) => void node.change({ schedule: { ...schedule, ...part } });
  return (
    <Section name="when-to-plot" title="When to plot">
      <p className="small muted">
        Only plotting waits. What is plotted is farmed all the time: an audit takes a moment, and a slot
        cannot be made up for.
      </p>
      <Check
        checked={schedule.hours !== null}
        onChange={(on) => change({ hours: on ? [22, 7] : null })}
        text="Only at some hours"
        hint={null}
      />
      {schedule.hours !== null && <Hours hours={schedule.hours} onChange={(hours) => change({ hours })} />}
      <Check
        checked={schedule.onMains}
        disabled={!machineSenses.power}
        onChange={(onMains) => change({ onMains })}
        text="Only when plugged in"
        hint={machineSenses.power ? null : 'This browser does not say whether the machine is plugged in.'}
      />
      <Check
        checked={schedule.whenIdle}
        disabled={!machineSenses.idleness}
        onChange={(on) => void askToSeeIdleness(on).then((allowed) => change({ whenIdle: on && allowed }))}
        text="Only while nobody uses this machine"
        hint={
          machineSenses.idleness
            ? 'The browser asks you for permission to see that.'
            : 'This browser does not say that.'
        }
      />
      <Check
        checked={schedule.whenCool}
        disabled={!machineSenses.heat}
        onChange={(whenCool) => change({ whenCool })}
        text="Slow down when the machine gets hot"
        hint={
          machineSenses.heat
            ? 'Half the cores when it is warm, none when it is hot.'
            : 'This browser does not say how hot it is; allow fewer cores instead.'
        }
      />
      <Check
        checked={screen}
        onChange={setScreen}
        text="Keep the screen on while this tab is open"
        hint="A computer that falls asleep farms nothing."
      />
    </Section>
  );
}

function Check(props: {
  checked: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
  text: string;
  hint: string | null;
}) {
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={props.checked && props.disabled !== true}
        disabled={props.disabled}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      <span>
        {props.text}
        {props.hint !== null && <span className="hint">{props.hint}</span>}
      </span>
    </label>
  );
}

const hoursOfDay = Array.from({ length: 24 }, (_, hour) => hour);

function Hours(props: { hours: [number, number]; onChange: (hours: [number, number]) => void }) {
  const [[from, to], setHours] = useState(props.hours);
  const choose = (hours: [number, number]) => {
    setHours(hours);
    props.onChange(hours);
  };
  const options = hoursOfDay.map((hour) => (
    <option key={hour} value={hour}>
      {String(hour).padStart(2, '0')}:00
    </option>
  ));
  return (
    <div className="row">
      <label>
        From
        <select value={from} onChange={(event) => choose([Number(event.target.value), to])}>
          {options}
        </select>
      </label>
      <label>
        until
        <select value={to} onChange={(event) => choose([from, Number(event.target.value)])}>
          {options}
        </select>
      </label>
    </div>
  );
}
