import { useState } from 'react';
import type { IdentityView } from '../../identity/identity-view.ts';
import { isOffer } from '../../identity/links.ts';
import type { Offer } from '../../identity/openid-offer.ts';
import { Card } from '../components/basics.tsx';
import { Deed, Failure, Form, TextArea, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { Scan } from '../components/Scan.tsx';
import { isObjectLink, storedText } from '../stored-text.ts';
import { takeLink } from '../visit.ts';
import { identity } from '../wallet-client.ts';
import { useHandedOver } from './CredentialMeeting.tsx';
import { AboutLinking } from './CredentialLinking.tsx';
import { CredentialFile, IssuerBadge } from './CredentialIssuer.tsx';
import { OfferCard } from './CredentialOffer.tsx';
import { issuerText, typeText } from './credential-words.ts';

type Kept = Awaited<ReturnType<typeof identity.acceptCredential>>;

/** Takes credentials in: pasted, or offered by an issuer on the web. */
export function Receive({ own, reload }: { own: IdentityView[]; reload: () => void }) {
  const [text, setText] = useState(() => takeLink('offer'));
  const [scanning, setScanning] = useState(false);
  const [offer, setOffer] = useState<Offer | null>(null);
  const [kept, setKept] = useState<Kept | null>(null);
  const action = useAction();
  const list = useAction();
  useHandedOver('credential', setText);
  const done = () => {
    setOffer(null);
    setText('');
    reload();
  };
  const take = async (given: string) => {
    setKept(null);
    if (isOffer(given.trim())) setOffer(await identity.readOffer({ link: given }));
    else {
      setKept(await identity.acceptCredential({ text: given }));
      done();
    }
  };
  if (offer !== null)
    return (
      <OfferCard
        offer={offer}
        link={text}
        own={own}
        reload={reload}
        onDone={done}
        onLeave={() => setOffer(null)}
      />
    );
  return (
    <Card title="Receive" span={5}>
      <Form
        action={action}
        submit="Check and keep"
        busy="Checking…"
        disabled={text.trim() === ''}
        onSubmit={() => take(text)}
      >
        <TextArea
          label="Credential"
          hint="Paste what the issuer gave you, or the link of its offer; or, to check others, an issuer’s list of revocations or its link. Every signature is checked."
          value={text}
          onChange={setText}
        />
        <CredentialFile onText={setText} />
      </Form>
      {kept !== null && (
        <p role="status" data-testid="kept">
          Kept: <strong>{typeText(kept.type)}</strong> by {issuerText(kept)}{' '}
          <IssuerBadge verdict={kept.issuerVerdict} issuer={kept.issuer} />
        </p>
      )}
      {scanning ? (
        <Scan
          onText={(read) => {
            setScanning(false);
            setText(read);
            action.run(() => take(read));
          }}
          onCancel={() => setScanning(false)}
        />
      ) : (
        <div className="row">
          <button type="button" onClick={() => setScanning(true)}>
            Scan a code
          </button>
          <button
            type="button"
            disabled={text.trim() === '' || list.busy}
            onClick={() =>
              list.run(async () => {
                const token = isObjectLink(text) ? await storedText(text) : text;
                await identity.importStatusList({ token });
                setText('');
                reload();
              })
            }
          >
            Keep as a list of revocations
          </button>
        </div>
      )}
      <Failure error={list.error} />
      <RequestUnlinkable />
    </Card>
  );
}

/** Makes the request for a credential that is bound to this wallet and whose showings cannot be linked. */
function RequestUnlinkable() {
  const [request, setRequest] = useState<string | null>(null);
  return (
    <details>
      <summary>Ask for one that cannot be linked</summary>
      <div className="stack">
        <AboutLinking />
        <Deed
          label="Make a request"
          onDo={async () => setRequest((await identity.requestUnlinkable()).request)}
        />
        {request !== null && (
          <HandOver
            label="Give this to the issuer"
            text={request}
            fileName="credential-request.json"
            kind="credential-request"
          />
        )}
      </div>
    </details>
  );
}
