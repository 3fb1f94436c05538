/** Commands of content provenance: sign any file, check any file. */
import * as v from 'valibot';
import { equal, fromHex, toHex } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, fromBase64Url, fromUtf8, parseJson, shaped } from '../wallet/json.ts';
import { encodeStatementFile } from './agent-content.ts';
import type { MediaClaims } from './c2pa.ts';
import { chainIsOf, chainOf, subjectOf, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { verdictView, type VerdictView } from './identity-view.ts';
import { issuerVerdict } from './issuer-verdict.ts';
import type { FileView } from './identity-file-commands.ts';
import { publicKeyInfoOf, type Jwk } from './keys.ts';
import {
  decodeStatement,
  describeContent,
  encodeProvenance,
  signProvenance,
  statementId,
  verifyProvenance,
  type Origin,
  type Provenance,
} from './provenance.ts';
import { judgeCertificates, type VerdictCode } from './verdict.ts';

const MAX_CONTENT_BYTES = 1024 * 1024 * 1024;

/** What a person says of a file. */
export interface Said {
  did: string;
  content: Uint8Array;
  origin: Origin;
  /** SHA-256 of what it was made from, hex. */
  sources?: string[];
  cid?: string;
  tool?: string;
  licence?: string;
  capability?: string;
}

/** A statement as a file beside the content: the signed statement and its signer's certificates. */
const fileSchema = v.strictObject({
  v: v.literal(1),
  statement: base64UrlText(100_000),
  certificates: v.optional(v.pipe(v.array(base64UrlText(100_000)), v.minLength(1), v.maxLength(8))),
});

export interface ProvenanceView {
  /** Hex. */
  id: string;
  did: string;
  signerName: string | null;
  /** Seconds since the epoch, as the signer says. */
  time: number;
  mediaType: string;
  origin: Origin;
  /** SHA-256 of sources, hex. */
  sources: string[];
  cid: string | null;
  tool: string | null;
  licence: string | null;
  /** Id of the permission that an agent signed under. */
  capability: string | null;
}

/** What a statement says, and what its signer is worth now and was worth. */
export interface StatementView extends ProvenanceView {
  verdict: VerdictView | null;
  /**
   * What the certificates that came along were worth by themselves when it was signed, by the signer's word; null where none
   * did. Nobody proves when something was revoked.
   */
  whenSigned: VerdictCode | null;
}

/** What the signature inside a media file says, and what its signer is worth. */
export interface MediaView extends Omit<MediaClaims, 'signer' | 'statement'> {
  /** Null for a signer that is no Auto ID: nobody here vouches for `name`. */
  did: string | null;
  signerName: string | null;
  verdict: VerdictView | null;
  whenSigned: VerdictCode | null;
  /** What the Auto ID says of the file as it was before it was signed; null if it says nothing. */
  statement: ProvenanceView | null;
}

/** Commands, for one wallet and network. */
export function contentCommands(context: IdentityContext) {
  return {
    /** Signs a file: a statement to keep beside it (JSON, `.provenance`). */
    async signContent(input: Said & { mediaType: string }): Promise<FileView & { id: string }> {
      const identity = context.own(input.did);
      if (input.content.length > MAX_CONTENT_BYTES)
        throw new Refusal(
          'content',
          `${input.content.length} bytes`,
          'This file is too large to be signed here.',
        );
      const statement = describeContent(input.content, {
        mediaType: input.mediaType.trim() || 'application/octet-stream',
        did: identity.did,
        ...aboutOf(input, context.seconds),
      });
      const signed = await signProvenance(await context.signingKey(identity.key), statement);
      return {
        id: toHex(statementId(decodeStatement(signed).payload)),
        name: `${toHex(statement.contentHash).slice(0, 16)}.provenance`,
        type: 'application/json',
        content: encodeStatementFile(signed, identity.chain),
      };
    },

    /**
     * Checks a file against its statement (a `.provenance` file, or the bare COSE_Sign1). Throws DecodeError, or
     * Refusal `issuer-key`, `signature`, `content`; what the signer is worth is in the result.
     */
    async verifyContent(input: { content: Uint8Array; statement: Uint8Array }): Promise<StatementView> {
      const { statement, certificates } = readStatementFile(input.statement);
      const { did } = decodeStatement(statement).statement;
      const along = certificates === null ? null : chainOf(certificates);
      const resolved = await context.resolve(did, along === null ? [] : [along]);
      const { key = null, chain = null } = resolved ?? {};
      const found = verifyProvenance(statement, input.content, () => key);
      return {
        ...statementView(context, found, decodeStatement(statement).payload),
        whenSigned: key === null ? null : worthThen(along, did, key, found.time),
        verdict: await (chain === null
          ? issuerVerdict(context, did, undefined)
          : verdictView(context, chain)),
      };
    },

    /** Signs a picture inside itself (C2PA). Throws Refusal `media-…`. */
    async signMedia(input: Said): Promise<Uint8Array> {
      const identity = context.own(input.did);
      const { signMedia } = await import('./c2pa.ts');
      return signMedia(input.content, {
        chain: context.chainOf(identity),
        did: identity.did,
        key: await context.signingKey(identity.key),
        about: aboutOf(input, context.seconds),
        now: context.now(),
      });
    },

    /** Checks the signature inside a media file (C2PA). Throws Refusal `media-…` naming what does not hold. */
    async verifyMedia(input: { content: Uint8Array }): Promise<MediaView> {
      const { verifyMedia } = await import('./c2pa.ts');
      const { signer, statement, ...claims } = await verifyMedia(input.content);
      if (signer === null)
        return { ...claims, did: null, signerName: null, verdict: null, whenSigned: null, statement: null };
      const { did, chain } = signer;
      return {
        ...claims,
        did,
        signerName: context.known(did)?.name ?? null,
        verdict: await verdictView(context, chain),
        whenSigned: statement === null ? null : judgeCertificates(chain, 1000 * statement.time),
        statement: statement === null ? null : statementView(context, statement, encodeProvenance(statement)),
      };
    },
  };
}

/** What certificates that are of a signer and its key were worth at a time (seconds since the epoch). */
function worthThen(chain: Chain | null, did: string, key: Jwk, time: number): VerdictCode | null {
  const isOwn =
    chain !== null &&
    chainIsOf(chain, did) &&
    equal(subjectOf(chain).tbs.publicKeyInfo, publicKeyInfoOf(key));
  return isOwn ? judgeCertificates(chain, 1000 * time) : null;
}

function aboutOf(
  { origin, sources = [], ...said }: Said,
  time: number,
): Omit<Provenance, 'contentHash' | 'contentLength' | 'mediaType' | 'did'> {
  const optional = (name: 'cid' | 'tool' | 'licence' | 'capability') => {
    const text = said[name]?.trim() ?? '';
    return text === '' ? {} : { [name]: text };
  };
  return {
    time,
    origin,
    sources: sources.map((hash) => fromHex(hash, 32)),
    ...optional('cid'),
    ...optional('tool'),
    ...optional('licence'),
    ...optional('capability'),
  };
}

/** A statement of its content and its CBOR, for the person. */
function statementView(context: IdentityContext, found: Provenance, payload: Uint8Array): ProvenanceView {
  return {
    id: toHex(statementId(payload)),
    did: found.did,
    signerName: context.known(found.did)?.name ?? null,
    time: found.time,
    mediaType: found.mediaType,
    origin: found.origin,
    sources: found.sources.map(toHex),
    cid: found.cid ?? null,
    tool: found.tool ?? null,
    licence: found.licence ?? null,
    capability: found.capability ?? null,
  };
}

function readStatementFile(file: Uint8Array): { statement: Uint8Array; certificates: Uint8Array[] | null } {
  const isJson = file[0] === 0x7b;
  if (!isJson) return { statement: file, certificates: null };
  const text = fromUtf8(file, 'provenance');
  const { statement, certificates } = shaped(fileSchema, parseJson(text, 'provenance'), 'provenance');
  return {
    statement: fromBase64Url(statement, 'provenance'),
    certificates: certificates?.map((der) => fromBase64Url(der, 'certificate')) ?? null,
  };
}
