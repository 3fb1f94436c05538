/** What farmers and the node say to each other: slots, solutions, signatures. */
import { toHex } from '../src/protocol/bytes.ts';
import { verifySignature } from '../src/crypto/sr25519.ts';
import { REWARD_SIGNING_CONTEXT } from '../src/protocol/constants.ts';
import type { RewardSigningInfo, SlotInfo, SlotNumber, Solution } from '../src/protocol/types.ts';

/** Solutions kept for one slot; an honest range gives a few. */
const MAX_SOLUTIONS = 32;

export class FarmingHub {
  private readonly slotListeners = new Set<(slot: SlotInfo) => void>();
  private readonly signingListeners = new Set<(request: RewardSigningInfo) => void>();
  private readonly open = new Map<SlotNumber, Solution[]>();
  private readonly signatures = new Map<string, (signature: Uint8Array | null) => void>();
  private closed = false;

  onSlot(listener: (slot: SlotInfo) => void): () => void {
    this.slotListeners.add(listener);
    return () => this.slotListeners.delete(listener);
  }

  onRewardSigning(listener: (request: RewardSigningInfo) => void): () => void {
    this.signingListeners.add(listener);
    return () => this.signingListeners.delete(listener);
  }

  /** Announces a slot and takes solutions for it from now on. */
  openSlot(slot: SlotInfo): void {
    this.open.set(slot.slotNumber, []);
    for (const listener of this.slotListeners) listener(slot);
  }

  /** Solutions that came for a slot; no more are taken for it and those before. */
  closeSlot(slot: SlotNumber): Solution[] {
    const solutions = this.open.get(slot) ?? [];
    for (const number of this.open.keys()) if (number <= slot) this.open.delete(number);
    return solutions;
  }

  /** False when the slot takes no solutions (any more). */
  submit(slot: SlotNumber, solution: Solution): boolean {
    const solutions = this.open.get(slot);
    if (solutions === undefined || solutions.length >= MAX_SOLUTIONS) return false;
    solutions.push(solution);
    return true;
  }

  /** Takes a signature for a hash that was asked for; any other is ignored. */
  submitSignature(hash: Uint8Array, signature: Uint8Array): void {
    this.signatures.get(toHex(hash))?.(signature);
  }

  /** Asks farmers to sign a hash; null when nobody does in time. `hash`, `publicKey`: 32 bytes. */
  sign(hash: Uint8Array, publicKey: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
    const name = toHex(hash);
    if (this.closed) return Promise.resolve(null);
    return new Promise((resolve) => {
      const finish = (signature: Uint8Array | null): void => {
        clearTimeout(timer);
        this.signatures.delete(name);
        resolve(signature);
      };
      const timer = setTimeout(() => finish(null), timeoutMs);
      this.signatures.set(name, (signature) => {
        if (signature === null || verifySignature(publicKey, REWARD_SIGNING_CONTEXT, hash, signature))
          finish(signature);
      });
      for (const listener of this.signingListeners) listener({ hash, publicKey });
    });
  }

  /** Gives up on signatures that are still awaited. */
  close(): void {
    this.closed = true;
    for (const finish of this.signatures.values()) finish(null);
  }
}
