import type { VerdictView } from '../../identity/identity-view.ts';
import { Badge } from '../components/basics.tsx';
import { FileField } from '../components/forms.tsx';
import { VerdictBadge } from './IdentityVerdict.tsx';

/** Takes a credential's text from a file. */
export function CredentialFile({ onText }: { onText: (text: string) => void }) {
  return (
    <FileField
      label="Or its file"
      onChoose={(file) => {
        if (file !== null) onText(new TextDecoder().decode(file.content));
      }}
    />
  );
}

/** What is known of an issuer: its verdict, or that it is no more than a key. */
export function IssuerBadge(props: { verdict: VerdictView | null; issuer: string }) {
  const { verdict, issuer } = props;
  if (verdict !== null) return <VerdictBadge verdict={verdict} />;
  if (issuer.startsWith('did:autoid:')) return <Badge tone="info">registered</Badge>;
  return (
    <Badge tone="warn" title="Its name is its key. Compare it with the one that the issuer tells you.">
      nobody vouches for this issuer
    </Badge>
  );
}
