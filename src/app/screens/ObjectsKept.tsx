import { useState } from 'react';
import { Failure, useAction } from '../components/forms.tsx';
import { count } from '../format.ts';
import { objects } from '../object-client.ts';

/** Reads every piece that is kept, and has damaged ones come again. */
export function CheckKept({ onChange }: { onChange: () => void }) {
  const action = useAction();
  const [outcome, setOutcome] = useState<string | null>(null);
  const check = (dryRun: boolean): void =>
    action.run(async () => {
      setOutcome(null);
      const { whole, damaged } = await objects.checkKept({ dryRun });
      setOutcome(outcomeOf(whole, damaged, dryRun));
      onChange();
    });
  return (
    <div className="stack">
      <div className="row">
        <button type="button" onClick={() => check(true)} aria-disabled={action.busy}>
          {action.busy ? 'Reading them…' : 'Check what is kept'}
        </button>
        <button type="button" onClick={() => check(false)} aria-disabled={action.busy}>
          Check and repair
        </button>
        {outcome !== null && <span role="status">{outcome}</span>}
      </div>
      <Failure error={action.error} />
    </div>
  );
}

function outcomeOf(whole: number, damaged: number, dryRun: boolean): string {
  if (damaged === 0) return whole === 0 ? 'Nothing is kept yet.' : `All ${count(whole)} pieces are whole.`;
  const what = `${count(damaged)} of ${count(whole + damaged)} pieces are damaged`;
  return dryRun ? `${what}. Nothing was changed.` : `${what} and were removed; they come again when wanted.`;
}
