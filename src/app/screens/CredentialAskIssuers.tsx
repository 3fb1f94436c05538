import { Deed } from '../components/forms.tsx';
import type { identity } from '../wallet-client.ts';

/** Hosts that have to be asked: for an issuer's keys, and for lists of revocations. */
export type Hosts = Awaited<ReturnType<typeof identity.issuersToAsk>>;

/** Servers that have to be asked before an answer can be checked, and what they learn by that. */
export function AskIssuers({ hosts: { keys, lists }, onAsk }: { hosts: Hosts; onAsk: () => Promise<void> }) {
  return (
    <div className="stack disclosed" role="status">
      <p>
        To check it,{' '}
        {keys.length > 0 && (
          <>
            <strong>{keys.join(', ')}</strong> has to be asked for the issuer’s keys
          </>
        )}
        {keys.length > 0 && lists.length > 0 && ', and '}
        {lists.length > 0 && (
          <>
            <strong>{lists.join(', ')}</strong> whether the credential was revoked
          </>
        )}
        . They learn that somebody at your network address checks one of their credentials, and when, but not
        whose.
      </p>
      <Deed label="Ask and check" busy="Asking…" primary onDo={onAsk} />
    </div>
  );
}
