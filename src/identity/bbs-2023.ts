/**
 * Data Integrity proofs of the cryptosuite `bbs-2023` (W3C Data Integrity BBS Cryptosuites 1.0): the holder derives from a
 * credential one that shows some of it, with another proof each time. Reading, deriving and verifying are a library's;
 * here is what is let near it. Nothing is fetched: every context that is taken lies here.
 */
import { createDiscloseCryptosuite, createVerifyCryptosuite } from '@digitalbazaar/bbs-2023-cryptosuite';
import { DataIntegrityProof } from '@digitalbazaar/data-integrity';
import { selectJsonLd } from '@digitalbazaar/di-sd-primitives';
import { decode } from 'cborg';
import jsigs from 'jsonld-signatures';
import { randomBytes } from '../crypto/random.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url } from '../wallet/json.ts';
import credentialsV2 from './contexts/credentials-v2.json' with { type: 'json' };
import { VOCABULARIES, type SecuredDocument } from './data-integrity.ts';

const WHAT = 'bbs-2023';
/** Values in a document; each costs both ends work. */
const MAX_VALUES = 300;
const MAX_CHARACTERS = 64 * 1024;
const BASE_PREFIX = [0xd9, 0x5d, 0x02];
const DERIVED_PREFIX = [0xd9, 0x5d, 0x03];

const CREDENTIALS = 'https://www.w3.org/ns/credentials/v2';
const CONTEXTS: Record<string, object> = {
  [CREDENTIALS]: credentialsV2,
  ...Object.fromEntries(
    Object.entries(VOCABULARIES).map(([name, vocab]) => [name, { '@context': { '@vocab': vocab } }]),
  ),
};

/**
 * Refuses what would let one name stand for another's meaning, since the proof covers meanings and not names: contexts
 * besides the known ones and a vocabulary, and names that are more than words. Throws Refusal `context`, `claim-name`;
 * DecodeError for a document that is too large.
 */
function requirePlain({ document, proof }: SecuredDocument): void {
  if (JSON.stringify(document).length > MAX_CHARACTERS) throw new DecodeError(WHAT, 'too large a document');
  const contexts = document['@context'] as unknown[];
  for (const one of contexts) requireKnown(one);
  if (proof['@context'] !== undefined)
    throw new Refusal(
      'context',
      'a context in the proof',
      'The signature gives its words a meaning of its own.',
    );
  const { '@context': _, ...rest } = document;
  let values = 0;
  const walk = (value: unknown): void => {
    values += 1;
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (!Array.isArray(value) && !/^[^@:/#\\]+$/.test(name))
        throw new Refusal('claim-name', name.slice(0, 80), 'A claim has a name that could mean another one.');
      walk(inner);
    }
  };
  walk(rest);
  if (values > MAX_VALUES) throw new DecodeError(WHAT, `${values} values in a document`);
}

function requireKnown(context: unknown): void {
  if (typeof context === 'string' && Object.hasOwn(CONTEXTS, context)) return;
  if (typeof context === 'object' && context !== null) {
    const vocab = (context as Record<string, unknown>)['@vocab'];
    const only = Object.keys(context).length === 1;
    if (only && typeof vocab === 'string' && /^https:\/\/[^\s#]+[/#]$/.test(vocab)) return;
  }
  throw new Refusal(
    'context',
    JSON.stringify(context).slice(0, 200),
    'This credential’s words are explained in a place that is not known here, and nothing is fetched.',
  );
}

/** What is known of the issuer: the multibase name of its key, which is its DID. */
function loaderFor(issuer: string) {
  const publicKeyMultibase = issuer.slice('did:key:'.length);
  const id = `${issuer}#${publicKeyMultibase}`;
  const key = { id, type: 'Multikey', controller: issuer, publicKeyMultibase };
  const documents: Record<string, object> = {
    ...CONTEXTS,
    [id]: { '@context': 'https://w3id.org/security/multikey/v1', ...key },
    [issuer]: {
      '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
      id: issuer,
      verificationMethod: [key],
      assertionMethod: [id],
    },
  };
  return async (url: string) => {
    if (!Object.hasOwn(documents, url)) throw new DecodeError(WHAT, `${url.slice(0, 100)} is not known here`);
    return { contextUrl: null, documentUrl: url, document: documents[url] };
  };
}

/** Whether a proof was made for one showing, rather than for the holder. Throws DecodeError for neither. */
export function isDerived({ proof }: SecuredDocument): boolean {
  const bytes = proofBytes(proof.proofValue);
  const begins = (prefix: number[]) => prefix.every((byte, at) => bytes[at] === byte);
  if (!begins(BASE_PREFIX) && !begins(DERIVED_PREFIX)) throw new DecodeError(WHAT, 'no proof of this kind');
  return begins(DERIVED_PREFIX);
}

function proofBytes(proofValue: string): Uint8Array {
  if (!proofValue.startsWith('u')) throw new DecodeError(WHAT, 'proofValue: base64url expected');
  return fromBase64Url(proofValue.slice(1), WHAT);
}

/** JSON pointers of what the issuer has shown each time. Throws DecodeError. */
function mandatoryPointers({ proof }: SecuredDocument): string[] {
  try {
    const parts: unknown = decode(proofBytes(proof.proofValue).subarray(BASE_PREFIX.length));
    const pointers: unknown = Array.isArray(parts) ? parts[4] : null;
    if (Array.isArray(pointers) && pointers.every((one) => typeof one === 'string')) return pointers;
  } catch {
    // Refused below, as a proof without them.
  }
  throw new DecodeError(WHAT, 'no list of what is always shown');
}

const joined = ({ document, proof }: SecuredDocument) => ({ ...document, proof });

/**
 * Verifies a credential that its issuer gave to its holder. The standard has no check of these, so one that shows all is
 * derived. Throws Refusal `signature`, `context`, `claim-name`; DecodeError.
 */
export async function verifyBase(credential: SecuredDocument, issuer: string): Promise<void> {
  const header = randomBytes(32);
  mandatoryPointers(credential);
  const whole = await derived(credential, [''], header, issuer);
  await verifyDerived(whole, header, issuer);
}

/**
 * What a verifier would see when the values at some pointers are shown, besides what the issuer wants shown and who and
 * what the objects on the way are. Throws DecodeError for pointers to nothing.
 */
export function revealed(credential: SecuredDocument, pointers: readonly string[]): Record<string, unknown> {
  try {
    const all = [...mandatoryPointers(credential), ...pointers];
    return selectJsonLd({ document: credential.document, pointers: all }) ?? {};
  } catch (error) {
    throw new DecodeError(WHAT, messageOf(error));
  }
}

/**
 * Derives a credential that shows the values at some JSON pointers, for whoever gave `header`. Throws DecodeError,
 * Refusal `context`, `claim-name`.
 */
export async function derive(
  credential: SecuredDocument,
  pointers: readonly string[],
  header: Uint8Array,
  issuer: string,
): Promise<string> {
  return JSON.stringify(joined(await derived(credential, pointers, header, issuer)));
}

async function derived(
  credential: SecuredDocument,
  selectivePointers: readonly string[],
  presentationHeader: Uint8Array,
  issuer: string,
): Promise<SecuredDocument> {
  requirePlain(credential);
  const cryptosuite = createDiscloseCryptosuite({ selectivePointers, presentationHeader });
  try {
    const { proof, ...document } = await jsigs.derive(joined(credential), {
      suite: new DataIntegrityProof({ cryptosuite }),
      purpose: new jsigs.purposes.AssertionProofPurpose(),
      documentLoader: loaderFor(issuer),
    });
    return { cryptosuite: 'bbs-2023', document, proof: proof as SecuredDocument['proof'] };
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError(WHAT, messageOf(error));
  }
}

/** Verifies what was derived for `header`. Throws Refusal `signature`, `context`, `claim-name`. */
export async function verifyDerived(
  shown: SecuredDocument,
  header: Uint8Array,
  issuer: string,
): Promise<void> {
  requirePlain(shown);
  const cryptosuite = createVerifyCryptosuite({ expectedPresentationHeader: header });
  const { verified, error } = await jsigs
    .verify(joined(shown), {
      suite: new DataIntegrityProof({ cryptosuite }),
      purpose: new jsigs.purposes.AssertionProofPurpose(),
      documentLoader: loaderFor(issuer),
    })
    .catch((thrown: unknown) => ({ verified: false, error: { message: messageOf(thrown), errors: [] } }));
  if (verified) return;
  throw new Refusal(
    'signature',
    (error?.errors?.[0]?.message ?? error?.message ?? 'the proof').slice(0, 200),
    'This was changed, its issuer did not sign it, or it was made for another request.',
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'not readable';
}
