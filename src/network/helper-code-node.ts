import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The pairing code that a helper of this person keeps on this machine, or null. */
export function keptPairingCode(): string | null {
  try {
    return readFileSync(join(homedir(), '.allotment-pairing'), 'utf8').trim();
  } catch {
    return null;
  }
}
