import { useCallback, useEffect, useState } from 'react';
import type { Announcement } from '../../identity/status-commands.ts';
import type { UploadView } from '../../node/upload-records.ts';
import { Select, Deed, Told } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { useNow } from '../hooks.ts';
import { useToken } from '../node-client.ts';
import { objects, useObjects } from '../object-client.ts';
import { keptList, keepList, forgetList, type StoredList } from '../stored-list.ts';
import { identity, useLoaded, useSigner } from '../wallet-client.ts';
import { RegistryDeed } from './RegistryDeed.tsx';
import { Confirm, UploadItem } from './Upload.tsx';

/** An issuer's list of revocations: to hand over, for each address that it is published at, or for the network. */
export default function RevocationList(props: { issuer: string; fresh: string | null; made: unknown }) {
  const { issuer, fresh, made } = props;
  const [list, setList] = useState<string | null>(null);
  const [place, setPlace] = useState('');
  const { value: addresses, reload } = useLoaded(
    useCallback(() => identity.statusAddresses({ issuer }), [issuer]),
  );
  useEffect(reload, [reload, made]);
  const [stored, setStored] = useState(() => keptList(issuer));
  const { value: announced, reload: reloadAnnounced } = useLoaded(
    useCallback(() => identity.announcement({ issuer }), [issuer]),
  );
  useEffect(reloadAnnounced, [reloadAnnounced, fresh]);
  const sign = async (address: string) =>
    setList(await identity.statusList({ issuer, ...(address === '' ? {} : { address }) }));
  const text = place === '' ? (fresh ?? list) : list;
  return (
    <details open={stored !== null || fresh !== null || undefined}>
      <summary>Your list of revocations, for those who check</summary>
      <div className="stack">
        <p className="muted">
          Whoever checks a credential of yours needs a list that you signed within the last week. Without one
          they are told that revocations are not known.
        </p>
        {announced !== null && <Announced announced={announced} />}
        {stored !== null && (
          <Announce
            issuer={issuer}
            list={stored}
            onAnnounced={() => {
              forgetList(issuer);
              reloadAnnounced();
            }}
            onEnd={() => {
              forgetList(issuer);
              setStored(null);
            }}
          />
        )}
        {addresses !== null && addresses.length > 0 && (
          <Select
            label="For"
            hint="Put a fresh one there after each revocation, and before a week is over."
            value={place}
            options={[['', 'those whom I hand it to'], ...addresses.map((one) => [one, one] as const)]}
            onChange={(chosen) => {
              setPlace(chosen);
              setList(null);
            }}
          />
        )}
        <div className="row">
          <Deed label="Sign the present list" onDo={() => sign(place)} />
        </div>
        {text !== null && (
          <>
            <HandOver label="Publish this" text={text} fileName="revocations.txt" />
            {place === '' && stored === null && (
              <StoreList
                key={text}
                text={text}
                onSent={(cid) => {
                  keepList(issuer, { text, cid });
                  setStored({ text, cid });
                }}
              />
            )}
          </>
        )}
      </div>
    </details>
  );
}

/** What whoever checks finds by themselves, and whether that says all that the issuer changed. */
function Announced({ announced: { at, until, outdated } }: { announced: Announcement }) {
  const over = until * 1000 < useNow(60_000);
  return (
    <p>
      You announced your list of {new Date(at * 1000).toLocaleString()} on the network.{' '}
      {over
        ? 'It is over a week old and believed no longer: announce the present one.'
        : outdated
          ? 'What you changed since then is not in it: announce the present one.'
          : `It is believed until ${new Date(until * 1000).toLocaleString()}.`}
    </p>
  );
}

/** Puts a list into the network's history, having said what that costs. */
function StoreList({ text, onSent }: { text: string; onSent: (cid: string) => void }) {
  const { signer, choices } = useSigner();
  const token = useToken();
  const [ready, setReady] = useState<UploadView | null>(null);
  if (signer === '')
    return (
      <p className="muted small">
        To publish it on the network, <a href="#/wallet">add an account</a> that pays for that.
      </p>
    );
  if (ready !== null)
    return (
      <Confirm
        upload={ready}
        token={token}
        onSent={async () => onSent(ready.cid)}
        onChange={() => setReady(null)}
      />
    );
  return (
    <>
      <p>
        Or publish it on the network, in two steps: store it in history, then announce it in the registry of
        identities. Whoever checks a credential of yours finds it there by themselves.
      </p>
      {choices.options.length > 1 && <Select label="Paid and signed by" {...choices} />}
      <div className="row">
        <Deed
          label="Show the price of storing it"
          busy="Preparing…"
          onDo={async () => {
            const content = new Blob([text], { type: 'text/plain' });
            const files = [{ path: 'revocations.txt', content }];
            setReady(await objects.prepareUpload({ files, compress: true, password: '', account: signer }));
          }}
        />
      </div>
    </>
  );
}

/** How far a list is that was sent to be stored, and announcing it, which makes it the one that counts. */
function Announce(props: { issuer: string; list: StoredList; onAnnounced: () => void; onEnd: () => void }) {
  const { issuer, list, onAnnounced, onEnd } = props;
  const { status, refresh } = useObjects();
  const token = useToken();
  const [told, setTold] = useState<string | null>(null);
  const upload = status?.uploads.find(({ cid, step }) => cid === list.cid && step !== 'ready');
  const isThere = upload?.step === 'checked';
  const failed = upload?.step === 'failed';
  if (told !== null)
    return (
      <div className="banner info" role="status">
        <span>
          {told} The proof follows once it is confirmed. From then on your older lists count no longer. Store
          and announce the next one within a week, or when you revoke something.
        </span>
        <button type="button" onClick={onEnd}>
          Close
        </button>
      </div>
    );
  return (
    <section className="asked stack" aria-label="The list that you store on the network">
      {upload !== undefined && (
        <ul className="list">
          <UploadItem
            upload={{ ...upload, name: 'Your list of revocations' }}
            token={token}
            onChange={refresh}
          />
        </ul>
      )}
      <Told
        text={
          status === null
            ? 'Looking how far it is…'
            : isThere
              ? 'It is in history. Announce it, so that whoever checks finds it.'
              : failed
                ? 'It could not be stored. Sign the present list and try again.'
                : 'Once it was read back out of history it can be announced. You may leave this page meanwhile.'
        }
      />
      <div className="row">
        {!failed && (
          <RegistryDeed
            label={isThere ? 'Announce it' : 'Announce it now already'}
            primary={isThere}
            what="Announce this list as your newest"
            {...(isThere
              ? {}
              : {
                  warning:
                    'Until it is in history nobody can fetch it, and whoever checks is told that revocations are not known.',
                })}
            run={(how) => identity.announceStatusList({ issuer, list: list.text, cid: list.cid, ...how })}
            done={(news) => {
              setTold(news ?? 'It is announced.');
              onAnnounced();
            }}
          />
        )}
        <Deed
          label="Do not announce it"
          {...(failed
            ? {}
            : { confirm: 'Leave this list unannounced? It stays in history; your present one counts on.' })}
          onDo={async () => onEnd()}
        />
      </div>
    </section>
  );
}
