import { toHex } from '../protocol/bytes.ts';
import type { FarmView } from './api.ts';
import type { FarmEntry } from './farm-entry.ts';

/** A farm as the screen shows it. `held`: what it waits for before it starts, a sentence, or null. */
export function viewOf(
  { record, farm, identity, cause, task, counts }: FarmEntry,
  held: string | null,
): FarmView {
  const { id, kind, name, allocatedBytes } = record;
  const inBrowser = record.ownKey === true ? 'Browser storage, imported' : 'Browser storage';
  const readOnly = record.readOnly === true;
  const own = { id, kind, readOnly, name: kind === 'opfs' ? inBrowser : name, task: task?.view ?? null };
  if (farm !== null) return { ...farm.snapshot(), ...own };
  const { audited, missed, made, accepted, late, rejected, blocks, votes } = counts;
  return {
    ...own,
    phase: cause === null ? 'starting' : 'failed',
    cause,
    publicKey: identity === null ? '' : toHex(identity.publicKey),
    place: kind === 'opfs' ? 'browser storage' : name,
    allocatedBytes,
    usedBytes: 0,
    piecesInSector: null,
    sectors: [],
    plotting: null,
    held,
    slots: { audited, missed, lastAuditMs: null, medianAuditMs: null },
    proofs: { underWay: 0, made, accepted, late, rejected, medianMs: null, deadlineMs: null },
    rewards: { blocks, votes },
    history: [],
    sleep: null,
  };
}
