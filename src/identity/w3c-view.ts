/** Credentials of other systems as the page shows them. */
import type { IdentityContext } from './context.ts';
import type { ForeignView } from './credential-view.ts';
import { decodeW3cCredential, w3cStatus } from './w3c-credential.ts';
import { listsOf, w3cFetchedAt, w3cStatusReader } from './w3c-status.ts';

function hostOf(address: string): string {
  return /^https?:\/\/([^/]+)/.exec(address)?.[1] ?? address;
}

/** How they are shown, with what the lists of revocations say that the wallet has. */
export async function w3cView(context: IdentityContext): Promise<ForeignView> {
  const statusOf = await w3cStatusReader(context);
  return (id, { credential }) => {
    const read = decodeW3cCredential(credential);
    const known = context.known(read.issuer);
    const [list] = listsOf(read);
    const derivable = read.secured.cryptosuite === 'bbs-2023';
    return {
      id,
      type: read.types.at(-1)!,
      issuer: read.issuer,
      issuerName: known?.name ?? null,
      subject: read.subject,
      holder: null,
      claims: read.claims.map(({ path, text }) => ({ path, text, selective: derivable })),
      provable: [],
      issuedAt: read.validFrom,
      expiresAt: read.validUntil,
      selfIssued: read.subject === read.issuer,
      status: w3cStatus(read, statusOf),
      statusSource: list === undefined ? null : { host: hostOf(list), asked: w3cFetchedAt(context, list) },
      linkable: !derivable,
      foreign: true,
    };
  };
}
