import { useState } from 'react';
import type { MediaView, StatementView } from '../../identity/content-commands.ts';
import type { Origin } from '../../identity/provenance.ts';
import { ActingAs, WithIdentity, useActing, useIdentities } from '../components/Acting.tsx';
import { Card } from '../components/basics.tsx';
import { Check, FileField, Form, Select, TextField, useAction } from '../components/forms.tsx';
import { saveFile, type ChosenFile } from '../files.ts';
import { bytes } from '../format.ts';
import { isMedia } from '../sign-files.ts';
import { identity } from '../wallet-client.ts';
import { MediaFound, StatementFound } from './ContentFound.tsx';
import { ORIGINS } from './origin-words.ts';

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
  const { own } = useIdentities();
  const acting = useActing(own);
  const [file, setFile] = useState<ChosenFile | null>(null);
  const [origin, setOrigin] = useState<Origin>('human');
  const [tool, setTool] = useState('');
  const [licence, setLicence] = useState('');
  const [inside, setInside] = useState(true);
  const [done, setDone] = useState<string | null>(null);
  const action = useAction();
  return (
    <Card title="Sign a file" span={6}>
      <p className="muted">
        Any file: a photo, a text, a model. The signature goes inside pictures (C2PA, which cameras and
        editors read too), or into a small second file. Any change to the file shows.
      </p>
      <WithIdentity own={own}>
        <Form
          action={action}
          submit="Sign"
          busy="Signing…"
          disabled={file === null}
          onSubmit={async () => {
            const { content, name, type } = file!;
            if (inside && isMedia(type)) {
              const signed = await identity.signMedia({ did: acting.did, content, origin, tool, licence });
              saveFile(`signed-${name}`, signed, type);
              setDone('Signed. The signature is inside the saved copy; the file you chose is as it was.');
              return;
            }
            const signed = await identity.signContent({
              did: acting.did,
              content,
              mediaType: type,
              origin,
              tool,
              licence,
            });
            saveFile(`${name}.provenance`, signed.content, signed.type);
            setDone('Signed. Keep the .provenance file beside it.');
          }}
        >
          <FileField
            label="File"
            onChoose={(chosen) => {
              setFile(chosen);
              setDone(null);
            }}
          />
          {file !== null && <p className="muted small">{bytes(file.content.length)}</p>}
          {file !== null && isMedia(file.type) && (
            <Check
              label="Put the signature inside the file"
              hint="A copy is saved; whoever has it can check it without a second file."
              checked={inside}
              onChange={setInside}
            />
          )}
          <ActingAs label="Sign as" own={own} acting={acting} />
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
      </WithIdentity>
      {done !== null && <p role="status">{done}</p>}
    </Card>
  );
}

function CheckFile() {
  const [file, setFile] = useState<ChosenFile | null>(null);
  const [statement, setStatement] = useState<ChosenFile | null>(null);
  const [found, setFound] = useState<StatementView | null>(null);
  const [media, setMedia] = useState<MediaView | null>(null);
  const action = useAction();
  return (
    <Card title="Check a file" span={6}>
      <Form
        action={action}
        submit="Check"
        busy="Checking…"
        disabled={file === null}
        onSubmit={async () => {
          setFound(null);
          setMedia(null);
          const { content } = file!;
          if (statement === null) setMedia(await identity.verifyMedia({ content }));
          else setFound(await identity.verifyContent({ content, statement: statement.content }));
        }}
      >
        <FileField label="File" onChoose={setFile} />
        <FileField
          label="Its statement"
          hint="Leave empty for a picture with the signature inside."
          accept=".provenance,.json,.cose"
          onChoose={setStatement}
        />
      </Form>
      {media !== null && <MediaFound media={media} />}
      {found !== null && <StatementFound found={found} />}
    </Card>
  );
}
