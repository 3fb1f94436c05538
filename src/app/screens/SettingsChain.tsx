import { useCallback, useState } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import type { BeginSetup, ChainView } from '../../node/api.ts';
import { BeginChooser, ShareCheckpoint, troubleOf } from '../components/Checkpoint.tsx';
import { Failure } from '../components/forms.tsx';
import { Section } from '../components/Section.tsx';
import { count } from '../format.ts';
import { useCommand } from '../hooks.ts';
import { node } from '../node-client.ts';

function began({ beginning }: ChainView): string {
  switch (beginning?.kind) {
    case 'genesis':
      return 'This tab verified every block since the first.';
    case 'checkpoint':
      return `This tab began at checkpoint #${count(beginning.number)}.`;
    case 'examined':
      return `This tab examined ${count(beginning.samples)} samples of the history and verified every block since #${count(beginning.fullFrom)}.`;
    default:
      return 'The chain has not begun yet.';
  }
}

/** Where this tab's chain began, its checkpoint for another device, and another beginning. */
export function BeginCard({ snapshot }: ScreenProps) {
  const { setup, chain } = snapshot;
  const [begin, setBegin] = useState<BeginSetup>(setup.begin ?? { kind: 'auto' });
  const genesisHash = setup.network.genesisHash ?? chain?.genesisHash ?? null;
  const again = useCommand(
    useCallback(async () => {
      const sure = window.confirm(
        'Forget the verified chain of this tab and begin it anew? Sectors, keys and rewards stay.',
      );
      if (sure) await node.change({ begin });
    }, [begin]),
  );
  return (
    <Section name="start-of-the-chain" title="Start of the chain" rare>
      {chain !== null && <p className="muted">{began(chain)}</p>}
      <ShareCheckpoint chain={chain} />
      <details>
        <summary>Begin anew</summary>
        <div className="stack">
          <BeginChooser begin={begin} network={genesisHash} onChange={setBegin} />
          <div className="row">
            <button
              type="button"
              onClick={again.run}
              disabled={again.busy || troubleOf(begin, genesisHash) !== null}
            >
              Begin anew
            </button>
          </div>
          <Failure error={again.error} />
        </div>
      </details>
    </Section>
  );
}
