import { useCallback } from 'react';
import type { FarmView } from '../../node/api.ts';
import { Failure } from '../components/forms.tsx';
import { useCommand } from '../hooks.ts';
import { node } from '../node-client.ts';
import { canPickFolders, pickFolder } from './folders.ts';

/** Shows where the folder of a farm lies now, when its drive came back under another name. */
export function Elsewhere({ id, readOnly }: FarmView) {
  const move = useCommand(
    useCallback(async () => {
      const handle = await pickFolder(readOnly ? 'import' : 'farm');
      if (handle !== null) await node.moveFarm(id, { kind: 'picked', handle });
    }, [id, readOnly]),
  );
  if (!canPickFolders) return null;
  return (
    <>
      <button type="button" onClick={move.run} disabled={move.busy}>
        Its folder lies elsewhere now
      </button>
      <Failure error={move.error} />
    </>
  );
}
