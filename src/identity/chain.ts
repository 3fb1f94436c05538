/** Chains of certificates as they travel: in tokens, files and bundles. */
import { base64 } from '@scure/base';
import { equal } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { decodeCertificate, type Certificate } from './certificate.ts';
import { parseDid } from './did.ts';
import { encodePem, decodePem } from './pem.ts';
import { jwkOf, type Jwk } from './keys.ts';
import { identifiersOf, MAX_CERTIFICATES } from './verdict.ts';

/** Certificates, root first, at least one. */
export type Chain = readonly [Certificate, ...Certificate[]];

/** Chain of DERs, root first. Throws DecodeError. */
export function chainOf(ders: readonly Uint8Array[]): Chain {
  const [root, ...rest] = ders.map(decodeCertificate);
  if (root === undefined || rest.length >= MAX_CERTIFICATES)
    throw new DecodeError('certificate-chain', `${ders.length} certificates`);
  return [root, ...rest];
}

/** `x5c` of a chain: base64 of the DERs, the last certificate first. */
export function toX5c(chain: Chain): string[] {
  return chain.toReversed().map(({ raw }) => base64.encode(raw));
}

/** Chain of an `x5c`. Throws DecodeError. */
export function fromX5c(x5c: readonly string[]): Chain {
  return chainOf(x5c.map(decodeBase64).reverse());
}

function decodeBase64(text: string): Uint8Array {
  try {
    return base64.decode(text);
  } catch {
    throw new DecodeError('certificate-chain', 'not base 64');
  }
}

/** PEM of a chain, the last certificate first, as other programs write them. */
export function chainToPem(chain: Chain): string {
  return chain
    .toReversed()
    .map(({ raw }) => encodePem('CERTIFICATE', raw))
    .join('');
}

/** Puts certificates in order from the root, by whose subject is whose issuer. Throws Refusal `certificate-chain`. */
export function orderChain(ders: readonly Uint8Array[]): Chain {
  if (ders.length > MAX_CERTIFICATES)
    throw new DecodeError('certificate-chain', `${ders.length} certificates`);
  const all = ders.map(decodeCertificate);
  const isRoot = ({ tbs }: Certificate) => equal(tbs.subject, tbs.issuer);
  const roots = all.filter(isRoot);
  const [root] = roots;
  if (root === undefined || roots.length > 1) {
    throw new Refusal(
      'certificate-chain',
      `${roots.length} roots`,
      'The file must hold one identity with everything it rests on, up to its root.',
    );
  }
  const chain: [Certificate, ...Certificate[]] = [root];
  while (chain.length < all.length) {
    const last = chain.at(-1)!;
    const next = all.filter((one) => !chain.includes(one) && equal(one.tbs.issuer, last.tbs.subject));
    if (next.length !== 1) {
      throw new Refusal(
        'certificate-chain',
        'the certificates form no single chain',
        'The certificates in this file do not belong together.',
      );
    }
    chain.push(next[0]!);
  }
  return chain;
}

/** Chain of a PEM text or of one DER. Throws DecodeError, Refusal `certificate-chain`. */
export function readChain(file: Uint8Array): Chain {
  const isDer = file[0] === 0x30;
  if (isDer) return orderChain([file]);
  const blocks = decodePem(new TextDecoder().decode(file)).filter(({ label }) => label === 'CERTIFICATE');
  return orderChain(blocks.map(({ der }) => der));
}

/** The last certificate, the one that a chain is about. */
export function subjectOf<C>(chain: readonly [C, ...C[]]): C {
  return chain.at(-1)!;
}

/** Public key of the identity a chain is about. Throws Refusal `key-type`. */
export function keyOfChain(chain: Chain): Jwk {
  return jwkOf(subjectOf(chain).tbs.publicKeyInfo);
}

/** Whether a chain is about the identity of a DID, on whatever network. */
export function chainIsOf(chain: Chain, did: string): boolean {
  const parsed = parseDid(did);
  return parsed !== null && equal(identifiersOf(chain).at(-1)!, parsed.id);
}
