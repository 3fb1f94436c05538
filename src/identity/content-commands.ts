/** Commands of content provenance: sign any file, check any file. */
import * as v from 'valibot';
import { fromHex, toHex, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, fromBase64Url, fromUtf8, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import type { MediaClaims } from './c2pa.ts';
import { chainOf } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { verdictView, type FileView, type VerdictView } from './identity-commands.ts';
import {
  decodeStatement,
  describeContent,
  signProvenance,
  statementId,
  verifyProvenance,
  type Origin,
} from './provenance.ts';

const MAX_CONTENT_BYTES = 1024 * 1024 * 1024;

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

/** What the signature inside a media file says, and what its signer is worth. */
export interface MediaView extends Omit<MediaClaims, 'signer'> {
  /** Null for a signer that is no Auto ID: nobody here vouches for `name`. */
  did: string | null;
  signerName: string | null;
  verdict: VerdictView | null;
}

/** Commands, for one wallet and network. */
export function contentCommands(context: IdentityContext) {
  return {
    /** Signs a file: a statement to keep beside it (JSON, `.provenance`). */
    async signContent(input: {
      did: string;
      content: Uint8Array;
      mediaType: string;
      origin: Origin;
      /** SHA-256 of what it was made from, hex. */
      sources?: string[];
      cid?: string;
      tool?: string;
      licence?: string;
      capability?: string;
    }): Promise<FileView & { id: string }> {
      const identity = context.own(input.did);
      if (input.content.length > MAX_CONTENT_BYTES)
        throw new Refusal(
          'content',
          `${input.content.length} bytes`,
          'This file is too large to be signed here.',
        );
      const optional = (name: 'cid' | 'tool' | 'licence' | 'capability') => {
        const text = input[name]?.trim() ?? '';
        return text === '' ? {} : { [name]: text };
      };
      const statement = describeContent(input.content, {
        mediaType: input.mediaType.trim() || 'application/octet-stream',
        time: context.seconds,
        did: identity.did,
        origin: input.origin,
        sources: (input.sources ?? []).map((hash) => fromHex(hash, 32)),
        ...optional('cid'),
        ...optional('tool'),
        ...optional('licence'),
        ...optional('capability'),
      });
      const signed = await signProvenance(await context.signingKey(identity.key), statement);
      const file = { v: 1, statement: toBase64Url(signed), certificates: identity.chain };
      return {
        id: toHex(statementId(decodeStatement(signed).payload)),
        name: `${toHex(statement.contentHash).slice(0, 16)}.provenance`,
        type: 'application/json',
        content: utf8(JSON.stringify(file)),
      };
    },

    /**
     * Checks a file against its statement (a `.provenance` file, or the bare COSE_Sign1). Throws DecodeError, or
     * Refusal `issuer-key`, `signature`, `content`; what the signer is worth is in the result.
     */
    async verifyContent(input: {
      content: Uint8Array;
      statement: Uint8Array;
    }): Promise<ProvenanceView & { verdict: VerdictView | null }> {
      const { statement, certificates } = readStatementFile(input.statement);
      const { did } = decodeStatement(statement).statement;
      const offered = certificates === null ? [] : [chainOf(certificates)];
      const resolved = await context.resolve(did, offered);
      const { key = null, chain = null } = resolved ?? {};
      const found = verifyProvenance(statement, input.content, () => key);
      return {
        id: toHex(statementId(decodeStatement(statement).payload)),
        did: found.did,
        signerName: context.known(did)?.name ?? null,
        time: found.time,
        mediaType: found.mediaType,
        origin: found.origin,
        sources: found.sources.map(toHex),
        cid: found.cid ?? null,
        tool: found.tool ?? null,
        licence: found.licence ?? null,
        capability: found.capability ?? null,
        verdict: chain === null ? null : await verdictView(context, chain),
      };
    },

    /** Signs a photo, video or sound file inside itself (C2PA). Throws Refusal `media-…`. */
    async signMedia(input: {
      did: string;
      content: Uint8Array;
      origin: Origin;
      tool?: string;
    }): Promise<Uint8Array> {
      const identity = context.own(input.did);
      const { signMedia } = await import('./c2pa.ts');
      return signMedia(input.content, {
        chain: context.chainOf(identity),
        did: identity.did,
        key: await context.signingKey(identity.key),
        origin: input.origin,
        tool: input.tool?.trim() || null,
        now: context.now(),
      });
    },

    /** Checks the signature inside a media file (C2PA). Throws Refusal `media-…` naming what does not hold. */
    async verifyMedia(input: { content: Uint8Array }): Promise<MediaView> {
      const { verifyMedia } = await import('./c2pa.ts');
      const { signer, ...claims } = await verifyMedia(input.content);
      if (signer === null) return { ...claims, did: null, signerName: null, verdict: null };
      const verdict = await verdictView(context, signer.chain);
      return { ...claims, did: signer.did, signerName: context.known(signer.did)?.name ?? null, verdict };
    },
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
