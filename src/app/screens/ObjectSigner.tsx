import { useState } from 'react';
import type { ObjectView } from '../../node/object-view.ts';
import type { MediaView, StatementView } from '../../identity/content-commands.ts';
import { Deed, FileField } from '../components/forms.tsx';
import type { ChosenFile } from '../files.ts';
import { isMedia, STATEMENT_ENDING } from '../sign-files.ts';
import { identity } from '../wallet-client.ts';
import { MediaFound, StatementFound } from './ContentFound.tsx';

/** Largest file whose signature is looked at here, in bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

async function contentOf(address: string): Promise<Uint8Array> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(await response.text());
  if (Number(response.headers.get('content-length') ?? 0) > MAX_BYTES)
    throw new Error('This file is too large to be checked here. Save it, and check it under Identity.');
  return new Uint8Array(await response.arrayBuffer());
}

/** Who signed an object: inside the file, in a statement beside it in its folder, or in one that the person has. */
export default function ObjectSigner({ object, address }: { object: ObjectView; address: string }) {
  const [media, setMedia] = useState<MediaView | null>(null);
  const [found, setFound] = useState<{ name: string; statement: StatementView }[]>([]);
  const [file, setFile] = useState<ChosenFile | null>(null);
  if (object.kind === 'metadata') return null;
  if (object.entries !== null) {
    const signed = object.entries.flatMap((entry) => {
      const beside = object.entries!.find(({ path }) => path === entry.path + STATEMENT_ENDING);
      return beside === undefined || entry.kind !== 'file' ? [] : [{ entry, beside }];
    });
    if (signed.length === 0) return <p className="muted">No statement lies beside a file of this folder.</p>;
    return (
      <>
        <Deed
          label={signed.length === 1 ? 'Check the statement' : `Check ${signed.length} statements`}
          busy="Fetching and checking…"
          onDo={async () => {
            setFound([]);
            for (const { entry, beside } of signed) {
              const [content, statement] = [
                await contentOf(`/object/${entry.cid}`),
                await contentOf(`/object/${beside.cid}`),
              ];
              const checked = await identity.verifyContent({ content, statement });
              setFound((before) => [...before, { name: entry.path, statement: checked }]);
            }
          }}
        />
        <Statements found={found} />
      </>
    );
  }
  return (
    <>
      {isMedia(object.mediaType) && (
        <Deed
          label="Look for a signature inside"
          busy="Fetching and checking…"
          onDo={async () => {
            setMedia(null);
            setMedia(await identity.verifyMedia({ content: await contentOf(address) }));
          }}
        />
      )}
      <FileField
        label="A statement that you were given"
        accept=".provenance,.json,.cose"
        onChoose={setFile}
      />
      {file !== null && (
        <Deed
          label="Check it"
          busy="Fetching and checking…"
          onDo={async () => {
            const content = await contentOf(address);
            const statement = await identity.verifyContent({ content, statement: file.content });
            setFound([{ name: file.name, statement }]);
          }}
        />
      )}
      {media !== null && <MediaFound media={media} />}
      <Statements found={found} />
    </>
  );
}

function Statements({ found }: { found: { name: string; statement: StatementView }[] }) {
  return found.map(({ name, statement }) => (
    <div key={name} className="stack">
      <strong className="break">{name}</strong>
      <StatementFound found={statement} />
    </div>
  ));
}
