import { Badge } from '../components/basics.tsx';

/** A claim in a list of facts. */
export function Claim({ name, text, selective }: { name: string; text: string; selective: boolean }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {text} {!selective && <Badge title="The issuer made it part of every showing">always shown</Badge>}
      </dd>
    </>
  );
}
