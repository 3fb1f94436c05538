/** How a credential of another system is told from our own, without the code that reads it. */

/** Whether a text has the form of a W3C credential as JSON. */
export function isW3cCredential(credential: string): boolean {
  return /^\s*\{/.test(credential) && /"@context"/.test(credential);
}

/** Name of that form in queries (DCQL). */
export const W3C_TYPE = 'ldp_vc';
