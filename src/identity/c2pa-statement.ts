/**
 * The provenance statement inside a media file: the assertion `org.autonomys.provenance`, CBOR of version 1, of the
 * file as it was before it was signed. The manifest's signature covers it, so that it has none of its own.
 */
import { CBORBox } from '@trustnxt/c2pa-ts/jumbf';
import { Assertion, DataHashAssertion, type Manifest } from '@trustnxt/c2pa-ts/manifest';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, equal, fromHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { decodeProvenance, encodeProvenance, type Provenance } from './provenance.ts';

const STATEMENT_LABEL = 'org.autonomys.provenance';
/** Type of JUMBF boxes that hold an assertion in CBOR. */
const CBOR_ASSERTION = fromHex('63626f7200110010800000aa00389b71', 16);

/** The statement as an assertion of a manifest. */
export class StatementAssertion extends Assertion {
  override label = STATEMENT_LABEL;
  override uuid = CBOR_ASSERTION;

  constructor(private readonly statement: Provenance) {
    super();
  }

  override readContentFromJUMBF(): never {
    throw new TypeError('read by statementIn');
  }

  override generateJUMBFBoxForContent(): CBORBox {
    const box = new CBORBox();
    box.rawContent = encodeProvenance(this.statement);
    return box;
  }
}

/**
 * The statement in a manifest whose signature and hashes hold, or null if there is none.
 *
 * @param did Auto ID that signed; a statement of another is refused.
 * @throws Refusal `media-statement`.
 */
export function statementIn(manifest: Manifest, content: Uint8Array, did: string): Provenance | null {
  const assertions = manifest.assertions?.assertions ?? [];
  const found = assertions.filter(({ label }) => label === STATEMENT_LABEL);
  if (found.length === 0) return null;
  const box = found[0]!.sourceBox?.contentBoxes[0];
  if (found.length > 1 || !(box instanceof CBORBox) || box.rawContent === undefined)
    throw refused(`${found.length} of them`);
  let statement: Provenance;
  try {
    statement = decodeProvenance(new Uint8Array(box.rawContent));
  } catch (error) {
    if (error instanceof ProtocolError) throw refused(error.message);
    throw error;
  }
  if (statement.did !== did) throw refused(`of ${statement.did.slice(0, 100)}`);
  const before = contentBefore(assertions, content);
  const fits =
    before === null ||
    (statement.contentLength === before.length && equal(statement.contentHash, sha256(before)));
  if (!fits) throw refused('of another content');
  return statement;
}

/** The file before the manifest was put in, where it lies apart from the rest; null where it moved other parts. */
function contentBefore(assertions: readonly Assertion[], content: Uint8Array): Uint8Array | null {
  const binding = assertions.find((one) => one instanceof DataHashAssertion);
  if (binding === undefined) return null;
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { start, length } of binding.exclusions.toSorted((a, b) => a.start - b.start)) {
    parts.push(content.subarray(at, start));
    at = start + length;
  }
  return concat(...parts, content.subarray(at));
}

function refused(detail: string): Refusal {
  return new Refusal(
    'media-statement',
    detail,
    'What the signer says of this file does not fit the file or the signer.',
  );
}
