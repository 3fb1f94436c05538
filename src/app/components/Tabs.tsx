import type { KeyboardEvent } from 'react';

/** Steps of the keys that go from tab to tab. */
const STEPS: Record<string, (at: number, of: number) => number> = {
  ArrowRight: (at, of) => (at + 1) % of,
  ArrowLeft: (at, of) => (at + of - 1) % of,
  Home: () => 0,
  End: (_, of) => of - 1,
};

/** Tabs, of which Tab reaches the chosen one and the arrow keys, Home and End the others. */
export function Tabs<T extends string>(props: {
  label: string;
  tabs: readonly (readonly [id: T, title: string])[];
  shown: T;
  onShow: (id: T) => void;
}) {
  const { tabs, shown } = props;
  const move = (event: KeyboardEvent<HTMLElement>): void => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = step(
      tabs.findIndex(([id]) => id === shown),
      tabs.length,
    );
    (event.currentTarget.children[next] as HTMLElement).focus();
    props.onShow(tabs[next]![0]);
  };
  return (
    <div className="tabs" role="tablist" aria-label={props.label} onKeyDown={move}>
      {tabs.map(([id, title]) => (
        <button
          key={id}
          type="button"
          role="tab"
          aria-selected={id === shown}
          tabIndex={id === shown ? 0 : -1}
          onClick={() => props.onShow(id)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
