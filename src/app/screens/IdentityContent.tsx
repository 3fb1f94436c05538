import { useCallback, useState } from 'react';
import type { ProvenanceView } from '../../identity/content-commands.ts';
import type { VerdictView } from '../../identity/identity-commands.ts';
import type { Origin } from '../../identity/provenance.ts';
import { Card, CheckBadge, Empty } from '../components/basics.tsx';
import { FileField, Form, Select, TextField, useAction } from '../components/forms.tsx';
import { saveFile, type ChosenFile } from '../files.ts';
import { bytes } from '../format.ts';
import { identity, useLoaded } from '../wallet-client.ts';
import { VerdictBadge } from './IdentityPeople.tsx';

const ORIGINS: readonly (readonly [Origin, string])[] = [
  ['human', 'A person made it'],
  ['ai', 'A model made it'],
  ['mixed', 'A person with a model'],
  ['unknown', 'I do not say'],
];

/** Signed files: say who made something, and check who did. */
export default function IdentityContent() {
  return (
    <div className="grid">
      <SignFile />
      <CheckFile />
    </div>
  );
}

function SignFile() {
  const { value } = useLoaded(useCallback(() => identity.identities(), []));
  const own = value?.filter(({ role, deactivated }) => role === 'own' && !deactivated) ?? [];
  const [did, setDid] = useState('');
  const [file, setFile] = useState<ChosenFile | null>(null);
  const [origin, setOrigin] = useState<Origin>('human');
  const [tool, setTool] = useState('');
  const [licence, setLicence] = useState('');
  const [done, setDone] = useState<string | null>(null);
  const action = useAction();
  const as = did === '' ? (own[0]?.did ?? '') : did;
  return (
    <Card title="Sign a file" span={6}>
      <p className="muted">
        Any file: a photo, a text, a model. The file stays as it is; a small second file says who signed it.
        Any change to the file shows.
      </p>
      {value !== null && own.length === 0 ? (
        <Empty>Make an identity first.</Empty>
      ) : (
        <Form
          action={action}
          submit="Sign"
          busy="Signing…"
          disabled={file === null}
          onSubmit={async () => {
            const signed = await identity.signContent({
              did: as,
              content: file!.content,
              mediaType: file!.type,
              origin,
              tool,
              licence,
            });
            saveFile(`${file!.name}.provenance`, signed.content, signed.type);
            setDone(signed.id);
          }}
        >
          <FileField label="File" onChoose={setFile} />
          {file !== null && <p className="muted small">{bytes(file.content.length)}</p>}
          <Select
            label="Sign as"
            value={as}
            options={own.map((one) => [one.did, one.name] as const)}
            onChange={setDid}
          />
          <Select label="Who made it" value={origin} options={ORIGINS} onChange={setOrigin} />
          <details>
            <summary>More to say</summary>
            <div className="stack">
              <TextField label="With what" hint="Camera, program or model." value={tool} onChange={setTool} />
              <TextField
                label="What others may do with it"
                hint="Licence, and whether models may be trained on it."
                value={licence}
                onChange={setLicence}
              />
            </div>
          </details>
        </Form>
      )}
      {done !== null && (
        <p role="status">
          Signed. Keep the <code>.provenance</code> file beside it.
        </p>
      )}
    </Card>
  );
}

function CheckFile() {
  const [file, setFile] = useState<ChosenFile | null>(null);
  const [statement, setStatement] = useState<ChosenFile | null>(null);
  const [found, setFound] = useState<(ProvenanceView & { verdict: VerdictView | null }) | null>(null);
  const action = useAction();
  return (
    <Card title="Check a file" span={6}>
      <Form
        action={action}
        submit="Check"
        busy="Checking…"
        disabled={file === null || statement === null}
        onSubmit={async () => {
          setFound(null);
          setFound(await identity.verifyContent({ content: file!.content, statement: statement!.content }));
        }}
      >
        <FileField label="File" onChoose={setFile} />
        <FileField label="Its statement" accept=".provenance,.json,.cose" onChoose={setStatement} />
      </Form>
      {found !== null && (
        <div className="stack disclosed" aria-live="polite" data-testid="provenance">
          <p>
            <CheckBadge>not a byte was changed</CheckBadge>{' '}
            {found.verdict !== null && <VerdictBadge verdict={found.verdict} />}
          </p>
          <dl className="facts">
            <dt>Signed by</dt>
            <dd>{found.signerName ?? <span className="mono">{found.did}</span>}</dd>
            <dt>When, by their word</dt>
            <dd>{new Date(found.time * 1000).toLocaleString()}</dd>
            <dt>Made by</dt>
            <dd>{ORIGINS.find(([origin]) => origin === found.origin)?.[1]}</dd>
            {found.tool !== null && (
              <>
                <dt>With</dt>
                <dd>{found.tool}</dd>
              </>
            )}
            {found.licence !== null && (
              <>
                <dt>Allowed</dt>
                <dd>{found.licence}</dd>
              </>
            )}
            <dt>Statement</dt>
            <dd className="mono">{found.id}</dd>
          </dl>
          {found.verdict !== null && <p className="muted">{found.verdict.sentence}</p>}
        </div>
      )}
    </Card>
  );
}
