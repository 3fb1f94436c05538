import { useCallback, useState } from 'react';
import type { UploadView } from '../../node/upload-records.ts';
import { Card } from '../components/basics.tsx';
import { Deed, Failure, Form, Select, TextField, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { Passwords, RecoveryPhrase, ReplaceWallet, requireSame } from '../components/secrets.tsx';
import { objects, useObjects } from '../object-client.ts';
import { storedBytes } from '../stored-text.ts';
import { useLoaded, useSigner, wallet } from '../wallet-client.ts';
import { Confirm, UploadItem } from './Upload.tsx';
import type { Token } from '../../protocol/notation.ts';

/** Name under which a copy is stored; it says nothing of what it is. */
const FILE_NAME = 'data';
/** Larger than any copy, in bytes. */
const MAX_COPY_BYTES = 32 * 1024 * 1024;

/** Keeps a copy of the wallet in the network's history. */
export function NetworkCopy({ token, onRestore }: { token: Token; onRestore: () => void }) {
  const { signer, choices } = useSigner();
  const { status, refresh } = useObjects();
  const { value: copies, error, reload } = useLoaded(useCallback(() => wallet.networkBackups(), []));
  const [ready, setReady] = useState<UploadView | null>(null);
  const [newest] = copies ?? [];
  const upload = status?.uploads.find(({ cid, step }) => cid === newest?.cid && step !== 'ready');
  const change = () => {
    setReady(null);
    reload();
    refresh();
  };
  return (
    <Card title="Keep a copy on the network" span={6}>
      <p className="muted">
        Everything in this wallet, encrypted under a key of your recovery phrase, stored for ever. The words
        and the copy’s identifier bring it back on any device, also if you forgot the password. Whoever gets
        your words can read it, too, and nobody can remove it.
      </p>
      <Failure error={error} />
      {newest !== undefined && (
        <>
          <p>
            Made {new Date(newest.at * 1000).toLocaleString()}. What came into the wallet since is not in it.
          </p>
          {upload !== undefined && (
            <ul className="list">
              <UploadItem upload={{ ...upload, name: 'The copy' }} token={token} onChange={change} />
            </ul>
          )}
          <HandOver
            label="Its identifier: keep it with the words"
            text={newest.cid}
            fileName="wallet-copy.txt"
          />
        </>
      )}
      {ready !== null ? (
        <Confirm
          upload={ready}
          token={token}
          onSent={() => wallet.noteNetworkBackup({ cid: ready.cid })}
          onChange={change}
        />
      ) : (
        <>
          {choices.options.length > 1 && <Select label="Paid and signed by" {...choices} />}
          <div className="row">
            <Deed
              label={newest === undefined ? 'Show the price of a copy' : 'Show the price of a new copy'}
              busy="Preparing…"
              onDo={async () => {
                const content = new Blob([(await wallet.networkBackup()).slice().buffer]);
                const files = [{ path: FILE_NAME, content }];
                setReady(
                  await objects.prepareUpload({ files, compress: false, password: '', account: signer }),
                );
              }}
            />
            <button type="button" onClick={onRestore}>
              Restore from the network
            </button>
          </div>
        </>
      )}
    </Card>
  );
}

/** Puts a copy from the network in place of the wallet, if there is one. */
export function RestoreNetworkCopy(props: { onDone: () => void; onBack: () => void; replaces?: boolean }) {
  const [link, setLink] = useState('');
  const [phrase, setPhrase] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [sure, setSure] = useState(false);
  const action = useAction();
  const replace = props.replaces === true;
  return (
    <div className="grid">
      <Card title="From a copy on the network" span={6}>
        <p className="muted">
          The copy is fetched from the storage network and every byte of it is verified. That needs the chain
          to be verified first.
        </p>
        <Form
          action={action}
          submit="Fetch and restore"
          busy="Fetching the copy…"
          disabled={link.trim() === '' || phrase.trim() === '' || (replace && !sure)}
          onSubmit={async () => {
            requireSame(password, again);
            const copy = await storedBytes(
              link.trim(),
              MAX_COPY_BYTES,
              'This is too large to be a copy of a wallet.',
            );
            await wallet.restoreFromNetwork({ copy, phrase, passphrase, password, replace });
            props.onDone();
          }}
          more={
            <button type="button" onClick={props.onBack}>
              Back
            </button>
          }
        >
          <TextField label="Identifier of the copy" placeholder="bafkr6i…" value={link} onChange={setLink} />
          <RecoveryPhrase
            phrase={phrase}
            passphrase={passphrase}
            onPhrase={setPhrase}
            onPassphrase={setPassphrase}
          />
          <Passwords password={password} again={again} onPassword={setPassword} onAgain={setAgain} />
          {replace && <ReplaceWallet by="copy" sure={sure} onChange={setSure} />}
        </Form>
      </Card>
    </div>
  );
}
