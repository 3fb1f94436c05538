/**
 * What another site sent the person here with: back from an issuer's log-in, or with the link of an offer or of a
 * request. It is taken out of the address at once and acted on by nobody but the person.
 */
import { isOffer, isWebRequest } from '../identity/links.ts';
import type { LoginAnswer } from '../identity/openid-access.ts';

const MAX_LENGTH = 100_000;

let answer: LoginAnswer | null = null;
let link: string | null = null;

/** Reads the address that the app was opened at; call it once, before anything is drawn. */
export function noteVisit(): void {
  const { search, pathname } = window.location;
  if (search === '' || search.length > MAX_LENGTH) return;
  const given = new URLSearchParams(search);
  const state = given.get('state');
  if (state !== null && (given.has('code') || given.has('error')))
    answer = {
      state,
      code: given.get('code'),
      issuer: given.get('iss'),
      error: given.get('error_description') ?? given.get('error'),
    };
  else if (isOffer(search)) link = `openid-credential-offer://${search}`;
  else if (isWebRequest(window.location.href)) link = `openid4vp://${search}`;
  else return;
  window.history.replaceState(null, '', `${pathname}#/identity/credentials`);
}

/** What a log-in came back with, once. */
export function takeLoginAnswer(): LoginAnswer | null {
  const taken = answer;
  answer = null;
  return taken;
}

/** The link of an offer or of a request that a site opened the app with, once. */
export function takeLink(kind: 'offer' | 'request'): string {
  if (link === null || isOffer(link) !== (kind === 'offer')) return '';
  const taken = link;
  link = null;
  return taken;
}
