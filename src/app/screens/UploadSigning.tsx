import { useState } from 'react';
import type { Origin } from '../../identity/provenance.ts';
import type { UploadFile } from '../../node/upload-calls.ts';
import { useIdentities } from '../components/Acting.tsx';
import { Select } from '../components/forms.tsx';
import { signedFiles } from '../sign-files.ts';
import { identity } from '../wallet-client.ts';
import { ORIGINS } from './origin-words.ts';

/** Whether and as whom files are signed before they are stored. */
export interface Signing {
  did: string;
  origin: Origin;
  own: readonly (readonly [string, string])[];
  setDid: (did: string) => void;
  setOrigin: (origin: Origin) => void;
  /** The files with their signatures, or as they are. */
  apply: (files: UploadFile[]) => Promise<UploadFile[]>;
}

export function useSigning(): Signing {
  const identities = useIdentities();
  const [did, setDid] = useState('');
  const [origin, setOrigin] = useState<Origin>('human');
  const own = identities.own.map((one) => [one.did, one.name] as const);
  const apply = async (files: UploadFile[]) =>
    did === '' ? files : signedFiles(files, { did, origin }, identity);
  return { did, origin, own, setDid, setOrigin, apply };
}

/** Nothing to choose for who has no identity. */
export function Sign({ did, origin, own, setDid, setOrigin }: Signing) {
  if (own.length === 0) return null;
  return (
    <>
      <Select
        label="Sign what is stored as"
        hint="Inside pictures; in a small file beside all else. Whoever opens it can check who you are."
        value={did}
        options={[['', 'Nobody: do not sign it'], ...own]}
        onChange={setDid}
      />
      {did !== '' && <Select label="Who made it" value={origin} options={ORIGINS} onChange={setOrigin} />}
    </>
  );
}
