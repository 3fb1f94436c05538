/** Passkeys that unlock the wallet: WebAuthn with the PRF extension, where browser and device have it. */

/** SHA-256 of `autonomys-tab/prf-eval/v1`: what the passkey's function is evaluated on. */
async function prfInput(): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode('autonomys-tab/prf-eval/v1'));
}

function base64Url(bytes: ArrayBuffer): string {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

/** Whether this browser knows passkeys at all; whether one can unlock shows when it is made. */
export function passkeysExist(): boolean {
  return typeof PublicKeyCredential === 'function';
}

/** Browsers tie passkeys to a name, and refuse an address of digits. */
function requireName(): string {
  const { hostname, port } = window.location;
  if (!/^[\d.]+$|^\[/.test(hostname)) return hostname;
  throw new Error(
    `Passkeys need a page with a name: http://localhost:${port} can have them, with a wallet of its own that a backup brings there.`,
  );
}

const NOT_ABLE = 'This device’s passkeys cannot unlock a wallet. Keep using the password.';

interface PrfResults {
  prf?: { enabled?: boolean; results?: { first?: ArrayBuffer } };
}

/** Makes a passkey and gives its secret output. Rejects with a sentence. */
export async function createPasskey(): Promise<{ credential: string; rp: string; prfOutput: Uint8Array }> {
  const rp = requireName();
  const first = await prfInput();
  const created = (await navigator.credentials.create({
    publicKey: {
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      rp: { name: 'Allotment' },
      user: {
        id: crypto.getRandomValues(new Uint8Array(16)),
        name: 'Allotment wallet',
        displayName: 'Allotment wallet',
      },
      pubKeyCredParams: [
        { type: 'public-key', alg: -7 },
        { type: 'public-key', alg: -8 },
        { type: 'public-key', alg: -257 },
      ],
      authenticatorSelection: { userVerification: 'required', residentKey: 'preferred' },
      extensions: { prf: { eval: { first } } },
    },
  })) as PublicKeyCredential | null;
  if (created === null) throw new Error('No passkey was made.');
  const credential = base64Url(created.rawId);
  const { prf } = created.getClientExtensionResults() as PrfResults;
  if (prf?.enabled !== true && prf?.results === undefined) throw new Error(NOT_ABLE);
  const given = prf.results?.first;
  const prfOutput = given === undefined ? await askPasskey(credential) : new Uint8Array(given);
  return { credential, rp, prfOutput };
}

/** Asks a passkey for its secret output: 32 bytes. Rejects with a sentence. */
export async function askPasskey(credential: string): Promise<Uint8Array> {
  const first = await prfInput();
  const asserted = (await navigator.credentials.get({
    publicKey: {
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      allowCredentials: [{ type: 'public-key', id: fromBase64Url(credential) }],
      userVerification: 'required',
      extensions: { prf: { eval: { first } } },
    },
  })) as PublicKeyCredential | null;
  const output = (asserted?.getClientExtensionResults() as PrfResults | undefined)?.prf?.results?.first;
  if (output === undefined) throw new Error(NOT_ABLE);
  return new Uint8Array(output);
}
