import { useState } from 'react';
import type { IssuedCredentialView } from '../../identity/issued-credentials.ts';
import { Badge, Name } from '../components/basics.tsx';
import { Deed, Told } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { identity } from '../wallet-client.ts';
import { pathText, typeText } from './credential-words.ts';

const TONES = { suspended: 'warn', revoked: 'bad' } as const;
const DONE = { valid: 'Restored', suspended: 'Suspended', revoked: 'Revoked' } as const;

/** What an issuer can take back. `onChange` gets the list of revocations that says what was changed. */
export function Issued(props: {
  issuer: string;
  issued: IssuedCredentialView[];
  onChange: (list: string) => void;
}) {
  const { issuer, issued, onChange } = props;
  const [told, setTold] = useState<string | null>(null);
  if (issued.length === 0) return null;
  const changing =
    ({ index, type, subjectName }: IssuedCredentialView, status: keyof typeof DONE) =>
    async () => {
      const place = { issuer, index };
      onChange(
        status === 'valid'
          ? await identity.restoreCredential(place)
          : await identity.revokeCredential({ ...place, suspend: status === 'suspended' }),
      );
      const whose = subjectName === null ? '' : ` of ${subjectName}`;
      setTold(
        `${DONE[status]}: ${typeText(type)}${whose}. Whoever checks learns of it from your list of revocations below.`,
      );
    };
  return (
    <details>
      <summary>Issued, to revoke: {issued.length}</summary>
      <div className="stack">
        <Told text={told} />
        <Many
          items={issued}
          thing="credential"
          words={(one) => [one.type, one.subjectName ?? '', ...one.claims.map(({ text }) => text)].join(' ')}
          page={6}
        >
          {(shown) => (
            <ul className="list" data-testid="issued">
              {shown.map((one) => (
                <li key={one.index} className="stack">
                  <div>
                    <strong>{typeText(one.type)}</strong>{' '}
                    {one.subjectName !== null && (
                      <>
                        of <Name>{one.subjectName}</Name>{' '}
                      </>
                    )}
                    {(one.status === 'revoked' || one.status === 'suspended') && (
                      <Badge tone={TONES[one.status]}>{one.status}</Badge>
                    )}
                  </div>
                  <p className="small muted">
                    {one.claims.map(({ path, text }) => `${pathText(path)}: ${text}`).join(', ') ||
                      'no claim'}
                    <br />
                    {new Date(one.at * 1000).toLocaleDateString()} to{' '}
                    {new Date(one.until * 1000).toLocaleDateString()}
                  </p>
                  {one.status !== 'revoked' && (
                    <div className="row">
                      {one.status === 'suspended' ? (
                        <Deed label="Restore" onDo={changing(one, 'valid')} />
                      ) : (
                        <Deed label="Suspend" onDo={changing(one, 'suspended')} />
                      )}
                      <Deed
                        label="Revoke"
                        danger
                        confirm="Revoke this credential for good? Only a new one could take its place."
                        onDo={changing(one, 'revoked')}
                      />
                    </div>
                  )}
                </li>
              ))}
            </ul>
          )}
        </Many>
      </div>
    </details>
  );
}
