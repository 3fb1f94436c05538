import { useState } from 'react';
import type { DidResolution } from '../../identity/did-resolution.ts';
import { Badge, Card } from '../components/basics.tsx';
import { Form, TextField, useAction } from '../components/forms.tsx';
import { identity } from '../wallet-client.ts';
import '../objects.css';

/** Looks up by its name what is known of an identity, in the registry or in this wallet. */
export function LookUp() {
  const [did, setDid] = useState('');
  const [found, setFound] = useState<DidResolution | null>(null);
  const action = useAction();
  return (
    <Card title="Look an identity up" span={6}>
      <p className="muted">
        By its name (DID), without a file of it. The nodes that are asked learn whom you look for.
      </p>
      <Form
        action={action}
        submit="Look up"
        quiet
        busy="Asking…"
        disabled={did.trim() === ''}
        onSubmit={async () => {
          setFound(null);
          setFound(await identity.resolveDid({ did }));
        }}
      >
        <TextField label="Name" value={did} onChange={setDid} />
      </Form>
      {found !== null && <Found found={found} />}
    </Card>
  );
}

function Found({ found }: { found: DidResolution }) {
  const { didDocument: document, didDocumentMetadata: known, didResolutionMetadata: told } = found;
  if (document === null)
    return (
      <p role="status">
        {known.deactivated === true ? 'This identity of yours was given up for good.' : told.message}
      </p>
    );
  const { anchoredAt, updated, notAfter, revoked, issuerChain } = known;
  return (
    <div className="stack" role="status" data-testid="looked-up">
      <p>
        <Standing known={known} />
      </p>
      <dl className="facts">
        {document.alsoKnownAs?.map((name) => (
          <Fact key={name} term="Calls itself" text={decodeURIComponent(name.replace(/^x509:cn:/, ''))} />
        ))}
        {issuerChain !== undefined && issuerChain.length > 1 && (
          <Fact term="Issued by" text={issuerChain.at(-2)!} mono />
        )}
        {anchoredAt !== undefined && updated !== undefined && (
          <Fact
            term="As of"
            text={`${new Date(updated).toLocaleString()}, block ${anchoredAt.block}, proven by block ${anchoredAt.consensusBlock} of the chain`}
          />
        )}
        {notAfter !== undefined && revoked === false && (
          <Fact term="Holds until" text={new Date(notAfter).toLocaleDateString()} />
        )}
      </dl>
      <details>
        <summary>Its document</summary>
        <pre className="preview text" tabIndex={0}>
          {JSON.stringify(found, null, 2)}
        </pre>
      </details>
    </div>
  );
}

function Standing({
  known: { revoked, anchoredAt, issuerChain },
}: {
  known: DidResolution['didDocumentMetadata'];
}) {
  if (revoked === true) return <Badge tone="bad">revoked</Badge>;
  if (anchoredAt !== undefined) return <Badge tone="good">registered, proven</Badge>;
  return issuerChain === undefined ? (
    <Badge tone="plain">nothing but a key: it can be anybody’s</Badge>
  ) : (
    <Badge tone="plain">known here, not registered</Badge>
  );
}

function Fact({ term, text, mono = false }: { term: string; text: string; mono?: boolean }) {
  return (
    <>
      <dt>{term}</dt>
      <dd className={mono ? 'mono' : undefined}>{text}</dd>
    </>
  );
}
