import { useCallback, useState } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import { bytesOfSectors, sectorsIn } from '../../farm/sectors.ts';
import type { FarmPlace, FolderContents, NodeSnapshot } from '../../node/api.ts';
import { Card } from '../components/basics.tsx';
import { bytes, counted } from '../format.ts';
import { useCommand } from '../hooks.ts';
import { node } from '../node-client.ts';
import { probeTrouble, useProbe } from '../probe.ts';
import { Estimate } from './Estimate.tsx';
import { Failure } from '../components/forms.tsx';
import { canPickFolders, pickFolder } from './folders.ts';
import { Space } from './Space.tsx';

type Chosen = { place: FarmPlace; contents: FolderContents | null };

/** Where a farm is added: browser storage, a folder, or a farm of the native farmer. */
export function AddFarm({ snapshot, onDone }: ScreenProps & { onDone: () => void }) {
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [none, setNone] = useState(false);
  const pick = useCommand(
    useCallback(async () => {
      setNone(false);
      const handle = await pickFolder('farm');
      // Browsers tell a folder that was not allowed like a dialog that was closed.
      if (handle === null) return setNone(true);
      const place: FarmPlace = { kind: 'picked', handle };
      setChosen({ place, contents: await node.inspectFolder(place) });
    }, []),
  );
  const hasBrowserFarm = snapshot.farms.some(({ kind }) => kind === 'opfs');
  return (
    <Card title="Add a farm">
      <div className="row">
        {canPickFolders && (
          <button
            type="button"
            className={chosen === null ? 'primary' : ''}
            onClick={pick.run}
            disabled={pick.busy}
          >
            Add a folder
          </button>
        )}
        {!hasBrowserFarm && snapshot.machine.storage !== 'none' && (
          <button type="button" onClick={() => setChosen({ place: { kind: 'own' }, contents: null })}>
            Use browser storage
          </button>
        )}
        {canPickFolders && <ImportNative onDone={onDone} />}
      </div>
      {snapshot.farms.length === 0 && (
        <p>
          A farm keeps pieces of the chain’s history and is paid for it. It costs disk space, and electricity
          while it fills that space, never tokens. You can pause it, make it smaller or remove it at any time.
        </p>
      )}
      <p className="small muted">
        {canPickFolders
          ? 'A folder on a drive of yours keeps its sectors when this browser’s data is cleared, and can be as large as the drive.'
          : 'This browser opens no folders: Chrome and Edge on a computer do. Space in browser storage works everywhere.'}
      </p>
      {none && (
        <p className="banner info" role="status">
          <span>
            No folder was chosen, or the browser was told not to allow it. Nothing was changed; a farm needs
            to view and to edit its folder.
          </span>
        </p>
      )}
      <Failure error={pick.error} />
      {chosen !== null && (
        <Plan key={chosen.contents?.place ?? 'browser'} chosen={chosen} snapshot={snapshot} onDone={onDone} />
      )}
    </Card>
  );
}

/** What the chosen place holds and, if it can be farmed, how much of it to take. */
function Plan(props: { chosen: Chosen; snapshot: ScreenProps['snapshot']; onDone: () => void }) {
  const { chosen, snapshot, onDone } = props;
  const { setup, machine, chain } = snapshot;
  const { contents, place } = chosen;
  const probe = useProbe(setup.network.endpoints[0] ?? '');
  const pieces = probe?.maxPiecesInSector ?? null;
  const [wanted, setWanted] = useState<number | null>(null);
  const there =
    contents?.allocatedBytes != null && pieces !== null ? sectorsIn(contents.allocatedBytes, pieces) : null;
  const sectors = wanted ?? Math.max(1, there ?? contents?.sectors ?? 0, there === null ? 2 : 0);
  const allocatedBytes = pieces === null ? 0 : bytesOfSectors(sectors, pieces);
  const add = useCommand(
    useCallback(async () => {
      if (place.kind === 'own')
        await node.change({ farm: { allocatedBytes, rewardAddress: setup.farm?.rewardAddress ?? null } });
      else await node.addFarm(place, allocatedBytes);
      onDone();
    }, [place, allocatedBytes, setup.farm, onDone]),
  );
  const refusal = contents === null ? null : refusalOf(contents, chain?.genesisHash ?? null);
  if (refusal !== null) return <p className="banner bad">{refusal}</p>;
  return (
    <div className="stack">
      <p>{contents === null ? 'Sectors in this browser’s own storage.' : describe(contents)}</p>
      {pieces === null ? (
        <p className={probe?.reachable === false ? 'banner' : 'muted'} role="status">
          {probe?.reachable === false ? probeTrouble(probe) : 'Asking the node how large a sector is…'}
        </p>
      ) : (
        <Space
          sectors={sectors}
          pieces={pieces}
          most={place.kind === 'own' ? roomOf(machine, pieces) : Math.max(64, sectors * 4)}
          offered={place.kind === 'own' ? freeOf(machine) : null}
          onChange={setWanted}
        />
      )}
      <Estimate allocatedBytes={allocatedBytes} cores={setup.cores} probe={probe} />
      <div className="row">
        <button
          type="button"
          className="primary"
          onClick={add.run}
          disabled={add.busy || allocatedBytes === 0}
        >
          {contents?.kind === 'farm' ? 'Farm it here' : 'Start this farm'}
        </button>
      </div>
      <Failure error={add.error} />
    </div>
  );
}

function freeOf(machine: NodeSnapshot['machine']): number {
  return Math.max(0, (machine.quotaBytes ?? 0) - (machine.usedBytes ?? 0));
}

function roomOf(machine: NodeSnapshot['machine'], pieces: number): number {
  return Math.max(1, sectorsIn(freeOf(machine) * 0.9, pieces));
}

function refusalOf({ kind, place, genesisHash }: FolderContents, genesis: string | null): string | null {
  if (kind === 'native')
    return `In ${place} lies a farm of the native farmer. Choose “Import from the native farmer” to copy its sectors.`;
  if (genesisHash !== null && genesis !== null && genesisHash !== genesis)
    return `The farm in ${place} belongs to another network. Choose that network in Settings, or another folder.`;
  return null;
}

function describe({ kind, place, sectors }: FolderContents): string {
  if (kind === 'farm')
    return `A farm with ${counted(sectors, 'sector')} lies in ${place}. Its key comes with it.`;
  if (kind === 'other-files') return `In ${place} lie other files, which stay as they are.`;
  return `${place[0]!.toUpperCase()}${place.slice(1)} is empty.`;
}

/** Copies a farm of the native farmer. */
function ImportNative({ onDone }: { onDone: () => void }) {
  const [from, setFrom] = useState<{ place: FarmPlace; contents: FolderContents } | null>(null);
  const pick = useCommand(
    useCallback(async () => {
      const handle = await pickFolder('import');
      if (handle === null) return;
      const place: FarmPlace = { kind: 'picked', handle };
      const contents = await node.inspectFolder(place);
      if (contents.kind !== 'native')
        throw new Error(`In ${contents.place} lies no farm of the native farmer (single_disk_farm.json).`);
      setFrom({ place, contents });
    }, []),
  );
  const copy = useCommand(
    useCallback(async () => {
      const handle = await pickFolder('farm');
      if (handle === null || from === null) return;
      await node.importFarm(from.place, { kind: 'picked', handle });
      onDone();
    }, [from, onDone]),
  );
  const farm = useCommand(
    useCallback(async () => {
      if (from === null) return;
      await node.farmNative(from.place);
      onDone();
    }, [from, onDone]),
  );
  const store = useCommand(
    useCallback(async () => {
      if (from === null) return;
      await node.importFarm(from.place, { kind: 'own' });
      onDone();
    }, [from, onDone]),
  );
  return (
    <>
      <button type="button" onClick={pick.run} disabled={pick.busy}>
        Import from the native farmer
      </button>
      {from !== null && (
        <div className="stack whole">
          <p>
            A farm of the native farmer lies in {from.contents.place}
            {from.contents.allocatedBytes === null ? '' : `, ${bytes(from.contents.allocatedBytes)} large`}.
            Its sectors and its key can be copied, every byte verified, or farmed where they are: the files
            there stay as they are. Stop the native farmer first: one key must not farm twice.
          </p>
          <div className="row">
            <button type="button" onClick={farm.run} disabled={farm.busy}>
              Farm it there, only reading
            </button>
            <button type="button" className="primary" onClick={copy.run} disabled={copy.busy}>
              Copy into a folder
            </button>
            <button type="button" onClick={store.run} disabled={store.busy}>
              Copy into browser storage
            </button>
          </div>
        </div>
      )}
      <Failure error={pick.error ?? copy.error ?? store.error ?? farm.error} />
    </>
  );
}
