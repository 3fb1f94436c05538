import { useState } from 'react';
import type { Cause, FarmView } from '../../node/api.ts';
import { CauseBanner } from '../components/basics.tsx';
import { Failure, useAction } from '../components/forms.tsx';
import { ago } from '../format.ts';
import { useNow } from '../hooks.ts';
import { node } from '../node-client.ts';
import { Elsewhere } from './Elsewhere.tsx';
import { askAccess } from './folders.ts';

/** What is wrong with a farm, and the way back. */
export function Trouble({ farm, cause }: { farm: FarmView; cause: Cause }) {
  const now = useNow(5000);
  const action = useAction();
  const [refused, setRefused] = useState(false);
  const { code, since } = cause;
  const needsAccess = code === 'no-permission';
  const lasting = now - since < 10_000 ? '' : ` It began ${ago(since, now)}.`;
  const remedy = async (): Promise<void> => {
    setRefused(false);
    if (needsAccess && !(await askAccess(farm))) return setRefused(true);
    await node.resumeFarm(farm.id);
  };
  const waits = needsAccess || code === 'place-lost';
  return (
    <>
      <CauseBanner
        cause={{
          ...cause,
          sentence: cause.sentence + lasting,
          action: needsAccess ? 'Allow access' : cause.action,
        }}
        tone={farm.phase === 'failed' && !waits ? 'bad' : 'warn'}
        onAction={() => action.run(remedy)}
      />
      {needsAccess && refused && (
        <p className="banner info" role="status">
          <span>
            The browser was told not to allow it. The sectors stay where they are and win nothing meanwhile.
            Press <em>Allow access</em> again when you like; if the browser does not ask any more, load this
            page anew, or allow it by the symbol left of the address.
          </span>
        </p>
      )}
      <Failure error={action.error} />
      {farm.kind === 'picked' && code === 'place-lost' && (
        <div className="row">
          <Elsewhere {...farm} />
        </div>
      )}
    </>
  );
}
