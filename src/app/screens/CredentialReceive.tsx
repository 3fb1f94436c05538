import { useState } from 'react';
import type { IdentityView } from '../../identity/identity-commands.ts';
import { isOffer } from '../../identity/links.ts';
import type { Offer } from '../../identity/openid-offer.ts';
import { Card, Empty } from '../components/basics.tsx';
import { Failure, Form, Select, TextArea, TextField, useAction } from '../components/forms.tsx';
import { QrScanner } from '../components/Qr.tsx';
import { identity } from '../wallet-client.ts';
import { typeText } from './credential-words.ts';

/** Takes credentials in: pasted, or offered by an issuer on the web. */
export function Receive({ own, reload }: { own: IdentityView[]; reload: () => void }) {
  const [text, setText] = useState('');
  const [scanning, setScanning] = useState(false);
  const [offer, setOffer] = useState<Offer | null>(null);
  const action = useAction();
  const list = useAction();
  const done = () => {
    setOffer(null);
    setText('');
    reload();
  };
  const take = async (given: string) => {
    if (isOffer(given.trim())) setOffer(await identity.readOffer({ link: given }));
    else {
      await identity.acceptCredential({ text: given });
      done();
    }
  };
  if (offer !== null)
    return <OfferCard offer={offer} link={text} own={own} onDone={done} onLeave={() => setOffer(null)} />;
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
          hint="Paste what the issuer gave you, or the link of its offer. Every signature is checked."
          value={text}
          onChange={setText}
        />
      </Form>
      {scanning ? (
        <QrScanner
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
                await identity.importStatusList({ token: text });
                setText('');
                reload();
              })
            }
          >
            It is an issuer’s list of revocations
          </button>
        </div>
      )}
      <Failure error={list.error} />
    </Card>
  );
}

function OfferCard(props: {
  offer: Offer;
  link: string;
  own: IdentityView[];
  onDone: () => void;
  onLeave: () => void;
}) {
  const { offer, own } = props;
  const [did, setDid] = useState(own[0]?.did ?? '');
  const [code, setCode] = useState('');
  const action = useAction();
  const host = new URL(offer.issuer).host;
  return (
    <Card title="An offer" span={5}>
      <p>
        <strong>{host}</strong>
        {offer.issuerName !== null && <> calls itself “{offer.issuerName}” and</>} offers:{' '}
        {offer.credentials.map(({ type, name }) => name ?? typeText(type)).join(', ')}
      </p>
      {own.length === 0 ? (
        <Empty>Make an identity first: the credential is bound to it.</Empty>
      ) : (
        <Form
          action={action}
          submit="Accept and check"
          busy="Asking the issuer…"
          disabled={offer.code !== null && code.trim() === ''}
          onSubmit={async () => {
            await identity.acceptOffer({
              link: props.link,
              did,
              code: offer.code === null ? null : code.trim(),
            });
            props.onDone();
          }}
        >
          <Select
            label="For"
            hint="Only this identity can show it. The issuer learns its public key."
            value={did}
            options={own.map((one) => [one.did, one.name] as const)}
            onChange={setDid}
          />
          {offer.code !== null && (
            <TextField
              label="The issuer’s code"
              hint={offer.code.description ?? 'It was given to you in another way, such as a letter.'}
              value={code}
              onChange={setCode}
            />
          )}
        </Form>
      )}
      <button type="button" onClick={props.onLeave}>
        Not now
      </button>
    </Card>
  );
}
