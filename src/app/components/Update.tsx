import { useEffect, useState } from 'react';
import type { FarmView } from '../../node/api.ts';
import { takeUpdate, useUpdate, whyNotNow } from '../updates.ts';

/** Offers a newer version, and changes over once that spoils nothing. */
export function UpdateBanner({ farms }: { farms: FarmView[] }) {
  const there = useUpdate();
  const [wanted, setWanted] = useState(false);
  const reason = whyNotNow(farms);
  useEffect(() => {
    if (wanted && reason === null) takeUpdate();
  }, [wanted, reason]);
  if (!there) return null;
  return (
    <div className="banner info" role="status">
      <span>
        {wanted
          ? `${reason ?? 'Nothing is in the way.'} The new version starts right after.`
          : 'A new version of Allotment is there. What is plotted, and what is encoded of the sector under way, is kept.'}
      </span>
      <button type="button" onClick={() => setWanted(!wanted)}>
        {wanted ? 'Not now' : 'Restart when safe'}
      </button>
    </div>
  );
}
