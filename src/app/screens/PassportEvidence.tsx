import { useState, type ChangeEvent, type ReactNode } from 'react';
import type { PassportView } from '../../identity/passport/passport-commands.ts';
import { useIdentities } from '../components/Acting.tsx';
import { Badge, CheckBadge } from '../components/basics.tsx';
import { Failure, Form, Select, useAction } from '../components/forms.tsx';
import { readFile, type ChosenFile } from '../files.ts';
import { count } from '../format.ts';
import { identity } from '../wallet-client.ts';

/** Codes of certificates that are no country's of the browser's. */
const OTHERS: Readonly<Record<string, string>> = {
  KS: 'Kosovo',
  UT: 'Utopia',
  XO: 'the Sovereign Order of Malta',
  ZZ: 'the United Nations',
};
const regions = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });
/** A country's name, of the two letters that certificates have. */
const countryText = (code: string): string =>
  OTHERS[code] ?? (/^[A-Z]{2}$/.test(code) ? (regions.of(code) ?? code) : code);
const day = (at: number) => new Date(at).toLocaleDateString();

/** Files of a passport that another device read, checked in this tab, and kept as credential and evidence. */
export default function PassportEvidence({ reload }: { reload: () => void }) {
  const [files, setFiles] = useState<ChosenFile[]>([]);
  const [authorities, setAuthorities] = useState<ChosenFile[]>([]);
  const [found, setFound] = useState<PassportView | null>(null);
  const action = useAction();
  const input = { files: files.map(given), authorities: authorities.map(given) };
  const choose = (into: (chosen: ChosenFile[]) => void) => (chosen: ChosenFile[]) => {
    setFound(null);
    into(chosen);
  };
  return (
    <>
      <Form
        action={action}
        submit="Check it"
        quiet
        busy="Checking…"
        disabled={files.length === 0}
        onSubmit={async () => {
          setFound(null);
          setFound(await identity.checkPassport(input));
        }}
      >
        <FilesField
          label="Files of the passport"
          hint="At least EF.SOD and EF.DG1, as reader apps on a phone save them: one by one, in a zip, or as passport.json."
          onChoose={choose(setFiles)}
        />
        <FilesField
          label="Certificates of countries"
          hint="A master list, which ICAO and several states publish (.ml, .ldif or .zip), or certificates (.pem, .cer); lists of withdrawn ones (.crl), too. You decide whose list you trust."
          onChoose={choose(setAuthorities)}
        />
      </Form>
      {found !== null && <Found found={found} />}
      {found?.authority != null && <Keep input={input} reload={reload} />}
    </>
  );
}

const given = ({ name, content }: ChosenFile) => ({ name, content });

/** Lets the person choose several files, which are read at once. */
function FilesField(props: { label: string; hint: ReactNode; onChoose: (files: ChosenFile[]) => void }) {
  const [error, setError] = useState<string | null>(null);
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    setError(null);
    Promise.all(Array.from(event.target.files ?? [], readFile)).then(props.onChoose, () =>
      setError('The files cannot be read.'),
    );
  };
  return (
    <>
      <label>
        {props.label}
        <span className="hint">{props.hint}</span>
        <input type="file" multiple onChange={choose} />
      </label>
      <Failure error={error} />
    </>
  );
}

function Found({ found }: { found: PassportView }) {
  const { mrz, authority, signer, groups } = found;
  const country = countryText(signer.country);
  return (
    <div className="stack disclosed" data-testid="passport" aria-live="polite">
      <p>
        {authority === null ? (
          <Badge tone="warn">the files fit, but who signed them is not known</Badge>
        ) : (
          <CheckBadge>signed by {country}, unchanged</CheckBadge>
        )}
      </p>
      <dl className="facts">
        <dt>Name</dt>
        <dd>{`${mrz.givenNames} ${mrz.surname}`.trim()}</dd>
        <dt>Born</dt>
        <dd>{mrz.birthDate ?? 'not stated'}</dd>
        <dt>Nationality</dt>
        <dd>{mrz.nationality}</dd>
        <dt>Document</dt>
        <dd>
          {mrz.documentCode.startsWith('P') ? 'Passport' : 'Card'} {mrz.documentNumber}, until{' '}
          {mrz.expiryDate}
        </dd>
      </dl>
      {authority === null && (
        <p>
          It says that {country} signed it. Anybody can write that: give the certificates of countries to have
          it checked.
        </p>
      )}
      <details>
        <summary>What was checked</summary>
        <ul>
          <li>What you gave (data groups {groups.join(', ')}) is just what was signed.</li>
          <li>The signature holds, and its maker may sign such documents.</li>
          {authority !== null && (
            <li>
              A certificate of {country} that you rely on stands above it
              {found.listedBy.length > 0 && <>, from a list signed by {found.listedBy.join('; ')}</>}.
            </li>
          )}
          {authority?.notRevoked != null && (
            <li>
              {country} had not withdrawn its signer on {day(authority.notRevoked.thisUpdate)}, by its own
              list
              {authority.notRevoked.outdated && ', which is out of date'}.
            </li>
          )}
          <li>The printed lines fit their check digits, and country and times fit the certificates.</li>
        </ul>
      </details>
      <details>
        <summary>What this does not prove</summary>
        <ul>
          <li>
            That you have the passport: whoever once read its chip has the same files. Only the chip itself
            could prove that it is no copy.
          </li>
          <li>That it is yours: nobody compared a face with the portrait.</li>
          <li>
            That it was not reported lost: nobody is asked.
            {authority?.notRevoked == null &&
              ' Nor that its signer was not withdrawn: the country’s list (CRL) was not given.'}
          </li>
        </ul>
      </details>
      <Technical found={found} />
    </div>
  );
}

function Technical({ found }: { found: PassportView }) {
  const { signer, authority } = found;
  return (
    <details>
      <summary>Technical details</summary>
      <dl className="facts">
        <dt>Printed lines</dt>
        <dd>
          {found.mrz.format}, kind {found.mrz.documentCode}, issued by {found.mrz.issuingState}
        </dd>
        <dt>Digests</dt>
        <dd>
          {found.hash}, of data groups {found.listed.join(', ')}
          {found.lds !== null && `, LDS ${found.lds}`}
        </dd>
        <dt>Signature</dt>
        <dd>{signer.algorithm}</dd>
        <Certificate title="Document signer" facts={signer} />
        {authority !== null && (
          <>
            <dt>Signed with</dt>
            <dd>{authority.algorithm}</dd>
            <Certificate title="Country (CSCA)" facts={authority} />
          </>
        )}
        {found.countries.length > 0 && (
          <>
            <dt>Countries given</dt>
            <dd>
              {count(found.countries.length)}
              {found.unreadable > 0 && `; ${count(found.unreadable)} entries could not be read`}
            </dd>
          </>
        )}
        {found.ignored.length > 0 && (
          <>
            <dt>Not looked at</dt>
            <dd>{found.ignored.join(', ')}: no signature covers them</dd>
          </>
        )}
      </dl>
    </details>
  );
}

function Certificate({
  title,
  facts,
}: {
  title: string;
  facts: PassportView['signer' | 'authority'] & object;
}) {
  return (
    <>
      <dt>{title}</dt>
      <dd>
        {facts.subject}, {day(facts.notBefore)} to {day(facts.notAfter)}
        <br />
        <span className="mono small break">
          serial {facts.serial}, SHA-256 {facts.fingerprint}
        </span>
      </dd>
    </>
  );
}

function Keep(props: { input: Parameters<typeof identity.checkPassport>[0]; reload: () => void }) {
  const { own } = useIdentities();
  const [chosen, setChosen] = useState<string | null>(null);
  const [kept, setKept] = useState(false);
  const action = useAction();
  const did = chosen ?? own[0]?.did ?? '';
  return (
    <Form
      action={action}
      submit="Keep it"
      quiet
      disabled={kept}
      onSubmit={async () => {
        await identity.keepPassport({ ...props.input, did: did === '' ? null : did });
        setKept(true);
        props.reload();
      }}
    >
      <Select
        label="With a credential for"
        hint="One that you sign yourself: you can show parts of it, or that you are of age, and others see that it is your word."
        value={did}
        options={[
          ...own.map((one) => [one.did, one.name] as const),
          ['', 'nobody: count it for the score only'],
        ]}
        onChange={setChosen}
      />
      <p className="small muted">
        Names, dates and the number are kept, encrypted in your wallet; the files and the portrait are not.
      </p>
      {kept && <p role="status">Kept. It counts for your score now.</p>}
    </Form>
  );
}
