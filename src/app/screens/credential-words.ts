/** How credentials are worded. */

/** Where a claim lies, in words. */
export const pathText = (path: readonly (string | number)[]) => path.join(' › ');

/** Last part of a type's name, as people would say it. */
export function typeText(type: string): string {
  const parts = type.split(':').filter((part) => part !== '' && !/^\d+$/.test(part));
  return (parts.at(-1) ?? type).replaceAll('-', ' ');
}

/** Who issued a credential: by its name where it is known, by its host where it is a web address. */
export function issuerText({ issuer, issuerName }: { issuer: string; issuerName: string | null }): string {
  if (issuerName !== null) return issuerName;
  return /^https?:\/\//.test(issuer) ? new URL(issuer).host : 'somebody not in your list';
}
