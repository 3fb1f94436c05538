/** What every answer under `/object/` has in common: whoever stored what is in it runs nothing by it. */

/**
 * Whatever is inside runs nowhere: no scripts, no forms, an origin of its own. Media elements and plain navigation
 * work.
 */
export const GUARDED = {
  'Content-Security-Policy':
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:",
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** A failure told in a sentence, which may hold names that somebody else chose. */
export function sentenceResponse(sentence: string, status: number): Response {
  const headers = { ...GUARDED, 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' };
  return new Response(sentence, { status, headers });
}
