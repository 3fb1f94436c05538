/** The structured reference string: 32768 powers of τ in G1 that commitments are made with. */
import { toHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { guarded, isNode, loadWasm, readLocal, wasm } from './wasm.ts';

/** 32768 uncompressed points of 96 bytes. */
const SRS_BYTES = 32_768 * 96;
const SRS_SHA256 = 'f7190c6dee061a9ec2236b6fbb8a2cbc47fa970f9b95f48a780f8da853a8be85';
const SRS_FILE = 'srs-g1.bin';

let loaded: Promise<void> | null = null;

/**
 * Makes the reference string ready on this thread; loads the module too. Further calls wait for the first. A
 * failed load may be tried again. Verifying openings does not need it; committing, proving and checking
 * records do.
 *
 * @throws ProtocolError if the file is not the one that the network uses.
 */
export function loadSrs(): Promise<void> {
  loaded ??= initialise().catch((error: unknown) => {
    loaded = null;
    throw error;
  });
  return loaded;
}

async function initialise(): Promise<void> {
  const [bytes] = await Promise.all([readSrs(), loadWasm()]);
  await checkSrs(bytes);
  guarded('reference-string', () => wasm.init_srs(bytes));
}

async function readSrs(): Promise<Uint8Array> {
  if (isNode()) {
    const path = `../../public/${SRS_FILE}`;
    return readLocal(new URL(path, import.meta.url));
  }
  const response = await fetch(`/${SRS_FILE}`);
  if (!response.ok) throw new Error(`loading ${SRS_FILE} failed: HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function checkSrs(bytes: Uint8Array): Promise<void> {
  const digest = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as BufferSource)));
  if (bytes.length === SRS_BYTES && digest === SRS_SHA256) return;
  throw new ProtocolError({
    code: 'bad-reference-string',
    rule: 'reference-string',
    message: `${bytes.length} bytes of SHA-256 ${digest} are not the network's reference string`,
    sentence: 'The reference string that came with the app is damaged. Reload the app.',
    values: { bytes: bytes.length, digest },
  });
}
