/**
 * Programs on this machine, and machines in the network around it, as a page reaches them. Browsers ask the person before
 * a page from elsewhere may (Local Network Access), and refuse so that it looks as if nobody answered.
 */

/** Where an address leads: this machine, the network around it; null: elsewhere, or a name that does not say. */
type Place = 'machine' | 'network' | null;

/** Newer and older names of what a page may be permitted. */
const PERMISSIONS = {
  machine: ['loopback-network', 'local-network-access'],
  network: ['local-network', 'local-network-access'],
} as const;

const NAMES = { machine: 'programs on this machine', network: 'machines in the network around this one' };

/** What a browser that refuses means, for the person. */
export const KEPT_FROM = { machine: keptSentence(NAMES.machine), network: keptSentence(NAMES.network) };

function keptSentence(what: string): string {
  return `The browser does not let this page reach ${what}. Allow it in the settings of this site, beside the page’s address.`;
}

const PRIVATE = /^(?:10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|\[f[cd]|\[fe[89ab])/;

/** Whether a host, as in a URL, is the machine itself, whoever looks its name up. */
export function isThisMachine(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(host);
}

/** Whether a browser takes a host for the machine itself: it looks no name below `localhost` up. */
function isTakenForThisMachine(host: string): boolean {
  return isThisMachine(host) || host.endsWith('.localhost');
}

function placeOf(url: string): Place {
  if (!URL.canParse(url)) return null;
  const { hostname } = new URL(url);
  if (isTakenForThisMachine(hostname)) return 'machine';
  return PRIVATE.test(hostname) || hostname.endsWith('.local') ? 'network' : null;
}

/** The origin of a page that comes from elsewhere; null for one of this machine and for programs, which nobody restrains. */
export function originElsewhere(): string | null {
  const { location } = globalThis as { location?: Location };
  return location === undefined || isTakenForThisMachine(location.hostname) ? null : location.origin;
}

async function permission(place: NonNullable<Place>): Promise<PermissionState | null> {
  for (const name of PERMISSIONS[place]) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state;
    } catch {
      // This browser has another name for it, or none.
    }
  }
  return null;
}

/** That the browser keeps this page from an address; null where it does not, as far as is known. Never rejects. */
export async function keptFrom(url: string): Promise<string | null> {
  const place = originElsewhere() === null ? null : placeOf(url);
  return place !== null && (await permission(place)) === 'denied' ? KEPT_FROM[place] : null;
}

/** What the browser is about to ask before this page may reach an address, as a sentence; null: nothing. Never rejects. */
export async function askedBefore(url: string): Promise<string | null> {
  const place = originElsewhere() === null ? null : placeOf(url);
  if (place === null || (await permission(place)) !== 'prompt') return null;
  return `If the browser asks whether this page may reach ${NAMES[place]}, allow it.`;
}
