import { Badge } from '../components/basics.tsx';

/** Whether showings of a credential can be told to be one person’s. */
export function LinkingBadge({ linkable }: { linkable: boolean }) {
  return linkable ? (
    <Badge title="Others who got a showing of it can find out that it was the same person">
      can be linked
    </Badge>
  ) : (
    <Badge tone="good" title="No two showings of it can be told to be the same person’s">
      cannot be linked
    </Badge>
  );
}

/** The choice between the two kinds of credential, explained. */
export function AboutLinking() {
  return (
    <details>
      <summary>What is the difference?</summary>
      <div className="stack">
        <p>
          <strong>Can be linked.</strong> Every showing carries the same signature. Shops that compare notes,
          or the issuer, see that it was the same person, however little was told. It can be revoked at any
          time.
        </p>
        <p>
          <strong>Cannot be linked.</strong> Every showing is made anew. Not even the issuer together with
          everybody who asked can tell by it whether two showings are the same person’s. A copy is of no use
          to anyone: it takes a secret that only the holder’s wallet has, and that the issuer never learns.
        </p>
        <p>
          What it does not hide: the claims that are shown, who issued it, its kind, and the week in which it
          ends. One is hidden among those who got the same kind in the same weeks. Names, times and network
          addresses can still give somebody away, and nobody is kept from lending out a wallet.
        </p>
        <p>
          It cannot be revoked, because a number to look up would link its showings. So it holds for some
          weeks, and is then renewed or not.
        </p>
        <p>
          <strong>Of another system.</strong> Credentials of the W3C’s kind come from issuers elsewhere. Some
          can be shown in part, and so that showings cannot be linked. But none says whose it is: whoever has
          a copy can show it.
        </p>
        <p className="muted">
          Technically: the first is an SD-JWT VC with a status list. The second is a JSON Proof Token with a
          blind BBS signature over BLS12-381, whose key is certified by the issuer’s Auto ID. The third has a
          Data Integrity proof, of the cryptosuite bbs-2023 where it can be shown in part.
        </p>
      </div>
    </details>
  );
}
