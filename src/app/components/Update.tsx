import { useEffect, useState } from 'react';
import type { FarmView } from '../../node/api.ts';
import { useNow } from '../hooks.ts';
import { takeUpdate, useUpdate, whyNotNow } from '../updates.ts';

/** Offers a newer version, and changes over once that spoils nothing. */
export function UpdateBanner({ farms }: { farms: FarmView[] }) {
  const there = useUpdate();
  /** When the person wished for it; null: not yet. */
  const [wished, setWished] = useState<number | null>(null);
  if (!there) return null;
  return (
    <div className="banner info" role="status">
      {wished === null ? (
        <span>
          A new version of Allotment is there. All its tabs begin anew with it: what was plotted, sent or
          fetched is kept and gone on with; what is typed and not sent is lost, and the wallet locks.
        </span>
      ) : (
        <Waiting farms={farms} since={wished} />
      )}
      <button type="button" onClick={() => setWished(wished === null ? Date.now() : null)}>
        {wished === null ? 'Restart when safe' : 'Not now'}
      </button>
    </div>
  );
}

function Waiting({ farms, since }: { farms: FarmView[]; since: number }) {
  const reason = whyNotNow(farms, useNow(1000) - since);
  useEffect(() => {
    if (reason === null) takeUpdate();
  }, [reason]);
  return <span>{reason ?? 'Nothing is in the way.'} The new version starts right after.</span>;
}
