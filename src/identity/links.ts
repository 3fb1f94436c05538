/** Links by which issuers and verifiers on the web begin, told apart without looking them up. */

/** Whether a text is the link of an offer of credentials (OpenID4VCI). */
export function isOffer(link: string): boolean {
  return link.startsWith('openid-credential-offer://') || /[?&]credential_offer(_uri)?=/.test(link);
}

/** Whether a text is the link of a request for credentials (OpenID4VP). */
export function isWebRequest(link: string): boolean {
  return /^(openid4vp|haip-vp|haip):\/\//.test(link) || /^https?:\/\/.*[?&]client_id=/.test(link);
}
