import { useState } from 'react';
import type { IdentityView } from '../../identity/identity-view.ts';
import type { Offer } from '../../identity/openid-offer.ts';
import type { TokenSigner } from '../../identity/token-signer.ts';
import { ActingAs, NoIdentity, useActing } from '../components/Acting.tsx';
import { Badge, Card, CheckBadge } from '../components/basics.tsx';
import { Form, TextField, useAction } from '../components/forms.tsx';
import { identity } from '../wallet-client.ts';
import { typeText } from './credential-words.ts';

/** An offer of an issuer on the web: what would be received, from whom, and how. */
export function OfferCard(props: {
  offer: Offer;
  link: string;
  own: IdentityView[];
  reload: () => void;
  onDone: () => void;
  onLeave: () => void;
}) {
  const { offer, own, link } = props;
  const acting = useActing(own);
  const { did } = acting;
  const [code, setCode] = useState('');
  const [address, setAddress] = useState<string | null>(null);
  const action = useAction();
  const accept = async () => {
    if (offer.login) {
      const returnTo = `${window.location.origin}/`;
      setAddress((await identity.startLogin({ link, did, returnTo })).address);
      return;
    }
    const accepted = identity.acceptOffer({ link, did, code: offer.code === null ? null : code.trim() });
    // What could not be checked is kept among what was promised.
    await accepted.finally(props.reload);
    props.onDone();
  };
  return (
    <Card title="An offer" span={5}>
      <p>
        <strong>{new URL(offer.issuer).host}</strong>
        {offer.issuerName !== null && <> calls itself “{offer.issuerName}” and</>} offers:
      </p>
      <ul className="list" data-testid="offered">
        {offer.credentials.map(({ id, type, name }) => (
          <li key={id}>
            <strong>{name ?? typeText(type)}</strong> <span className="muted mono">{type}</span>
          </li>
        ))}
      </ul>
      {offer.signer !== null && (
        <p>
          <SignerBadge signer={offer.signer} />
        </p>
      )}
      {own.length === 0 && <NoIdentity because="the credential is bound to it." />}
      {own.length > 0 && address === null && (
        <Form
          action={action}
          submit={offer.login ? 'Accept and log in' : 'Accept and check'}
          busy="Asking the issuer…"
          disabled={offer.code !== null && code.trim() === ''}
          onSubmit={accept}
        >
          <ActingAs
            label="For"
            hint="Only this identity can show it. The issuer learns its public key."
            own={own}
            acting={acting}
          />
          {offer.code !== null && (
            <TextField
              label="The issuer’s code"
              hint={offer.code.description ?? 'It was given to you in another way, such as a letter.'}
              value={code}
              onChange={setCode}
            />
          )}
          {offer.login && (
            <p className="muted">The issuer wants to know who you are first, on a page of its own.</p>
          )}
        </Form>
      )}
      {address !== null && <LogIn address={address} />}
      <div className="row">
        <button type="button" onClick={props.onLeave}>
          Not now
        </button>
      </div>
    </Card>
  );
}

/** The way to the issuer's page; the person sees where it leads before going. */
function LogIn({ address }: { address: string }) {
  const { host } = new URL(address);
  return (
    <div className="stack" role="status">
      <p>
        Log in on <strong>{host}</strong>. It opens beside this page and brings you back here, where the
        credential is checked and kept. Your password for {host} stays between you and it.
      </p>
      <div className="row">
        <a className="button primary" href={address} target="_blank" rel="noreferrer noopener">
          Go to {host}
        </a>
      </div>
    </div>
  );
}

/** Who signed what came from the web, and what that is worth. */
export function SignerBadge({ signer }: { signer: TokenSigner }) {
  return signer.kind === 'identity' ? (
    <>
      <CheckBadge>signed by an Auto ID</CheckBadge> <span className="mono">{signer.did}</span>
    </>
  ) : (
    <>
      <Badge tone="warn">nobody vouches for this name</Badge> <strong>{signer.name}</strong>
    </>
  );
}
