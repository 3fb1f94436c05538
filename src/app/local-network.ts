/** Where the local network of the server that served this page listens; null when it runs none. */
export async function localEndpoint(): Promise<string | null> {
  try {
    const response = await fetch('/local-network.json');
    if (!response.ok) return null;
    const { endpoint } = (await response.json()) as { endpoint?: unknown };
    return typeof endpoint === 'string' ? endpoint : null;
  } catch {
    return null;
  }
}
