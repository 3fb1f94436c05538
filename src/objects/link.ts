/** Links to objects: the identifier, and where in history to look first. */
import { cidOfHash, hashOfCid } from '../protocol/cid.ts';
import { DecodeError } from '../protocol/errors.ts';
import { decodeLinkHints, encodeLinkHints } from './locate.ts';

export interface ObjectLink {
  /** Text of the identifier. */
  cid: string;
  /** Places: the object's own first. */
  hints: { pieceIndex: bigint; offset: number }[];
}

/** Longest text that is looked at. */
const MAX_LENGTH = 50_000;
const CID = /\bbafkr6i[a-z2-7]{52}\b/;
const OTHER_CID = /^b[a-z2-7]{58}$/;
const HINTS = /[?&]at=([A-Za-z0-9_-]+)/;

/**
 * The link in what a person pasted: an identifier, or any address with one in it. A place that was cut off or changed on
 * its way is left out: it is only a hint.
 *
 * @throws DecodeError
 */
export function parseObjectLink(text: string): ObjectLink {
  const trimmed = text.trim().slice(0, MAX_LENGTH);
  // An identifier of another kind is told from a text that is none.
  const cid = CID.exec(trimmed)?.[0] ?? OTHER_CID.exec(trimmed)?.[0];
  if (cid === undefined) {
    const sentence =
      'There is no identifier of an object in this. One begins with bafkr6i and has 59 characters; copy it whole.';
    throw new DecodeError('cid', `no identifier in “${trimmed.slice(0, 80)}”`, {}, sentence);
  }
  const hash = hashOfCid(cid);
  return { cid: cidOfHash(hash), hints: hintsIn(trimmed) };
}

function hintsIn(text: string): ObjectLink['hints'] {
  const hints = HINTS.exec(text)?.[1];
  try {
    return hints === undefined ? [] : decodeLinkHints(hints);
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}

/** Path of a link within the app. */
export function objectPath({ cid, hints }: ObjectLink): string {
  return hints.length === 0 ? `/object/${cid}` : `/object/${cid}?at=${encodeLinkHints(hints)}`;
}
