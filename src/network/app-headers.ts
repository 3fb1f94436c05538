/** How long browsers may keep what the app is served as: files named by their content for ever, others not unasked. */
export function cacheHeader(path: string): string {
  return path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
}

function policy({ development = false }: { development?: boolean }): string[] {
  const inline = development ? " 'unsafe-inline'" : '';
  return [
    "default-src 'self'",
    `script-src 'self' 'wasm-unsafe-eval'${inline}`,
    `style-src 'self'${inline}`,
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "connect-src 'self' ws: wss: https: http://127.0.0.1:* http://localhost:*",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ];
}

/**
 * Headers of every answer that carries the app: cross-origin isolation, and a content security policy under
 * which the page runs its own scripts and WebAssembly only. `connect-src` stays open for `ws:`, `wss:` and `https:`
 * because the person chooses the nodes, and the issuers and verifiers of credentials; everything else is the page's
 * own origin.
 */
export function securityHeaders(options: { development?: boolean } = {}): Record<string, string> {
  return {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Content-Security-Policy': [...policy(options), "frame-ancestors 'none'"].join('; '),
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Permissions-Policy': 'camera=(self), geolocation=(), microphone=()',
  };
}

/** What a document itself can say of its policy, for hosts that send no headers. */
export function documentPolicy(): string {
  return policy({}).join('; ');
}

/** The headers as a file that hosts of static pages read, by patterns of paths. */
export function headersFile(): string {
  const lines = (headers: Record<string, string>) =>
    Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`);
  const sections = {
    '/*': securityHeaders(),
    '/': { 'Cache-Control': cacheHeader('/') },
    '/assets/*': { 'Cache-Control': cacheHeader('/assets/') },
  };
  return Object.entries(sections)
    .flatMap(([pattern, headers]) => [pattern, ...lines(headers), ''])
    .join('\n');
}
