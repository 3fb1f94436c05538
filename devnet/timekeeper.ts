/** Keeps time: walks slot after slot of proof of time at the network's pace, on the branch that is best. */
import { setTimeout } from 'node:timers/promises';
import { nextPotInput, samePotInput, slotOutput, type PotInput } from '../src/protocol/pot.ts';
import type { PotProof } from '../src/protocol/pot-proof.ts';
import type { PotParametersChange, SlotNumber } from '../src/protocol/types.ts';
import type { SlotLog } from './slot-log.ts';
import { startThread } from './threads.ts';

/** Walks one slot: 128 bytes of checkpoints. */
export type WalkSlot = (seed: Uint8Array, iterations: number) => Promise<Uint8Array>;

/** Where the proofs that a block justifies end, and how they go on. */
export interface PotTip {
  slot: SlotNumber;
  /** 16 bytes. */
  output: Uint8Array;
  /** Iterations after the block. */
  iterations: number;
  change: PotParametersChange | null;
}

/** Slots whose proofs stay in memory: many more than lie between the final block and the best. */
const KEPT_SLOTS = 8192n;

/** Waits until the next slot is due, or until the signal is aborted. */
export type Pace = (signal: AbortSignal) => Promise<void>;

/** A slot every so many milliseconds; after a pause of the machine, slots are not made up for. */
export function wallClockPace(slotDurationMs: number): Pace {
  let due = Date.now();
  return (signal) => {
    due = Math.max(due + slotDurationMs, Date.now());
    return setTimeout(due - Date.now(), undefined, { signal }).catch(() => undefined);
  };
}

export interface TimekeeperOptions {
  pace: Pace;
  walk: WalkSlot;
  log: SlotLog;
}

export class Timekeeper {
  private readonly proofs = new Map<SlotNumber, PotProof>();
  private readonly listeners = new Set<(proof: PotProof) => void>();
  private latest: SlotNumber = 0n;
  private next: PotInput;
  private change: PotParametersChange | null = null;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  /** `first`: input of slot 1. */
  constructor(
    private readonly options: TimekeeperOptions,
    private readonly first: PotInput,
  ) {
    this.next = first;
    for (const proof of options.log.read()) this.keep(proof);
  }

  /** Slot of the newest proof, 0 before the first. */
  get slot(): SlotNumber {
    return this.latest;
  }

  proofAt(slot: SlotNumber): PotProof | null {
    return this.proofs.get(slot) ?? null;
  }

  outputAt(slot: SlotNumber): Uint8Array | null {
    const proof = this.proofs.get(slot);
    return proof === undefined ? null : slotOutput(proof.checkpoints);
  }

  /** Calls `listener` with every proof as it is made; returns what stops that. */
  onProof(listener: (proof: PotProof) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Follows the best block: proofs that its parameters do not lead to are dropped, and the walk goes on from the
   * last one that they do. `tip` is null on top of the genesis block.
   */
  follow(tip: PotTip | null): void {
    let input = tip === null ? this.first : nextPotInput(tip.slot, tip.iterations, tip.output, tip.change);
    this.change = tip?.change ?? null;
    for (;;) {
      const proof = this.proofs.get(input.slot);
      if (proof === undefined || !samePotInput(proof, input)) break;
      input = nextPotInput(input.slot, input.iterations, slotOutput(proof.checkpoints), this.change);
    }
    if (input.slot <= this.latest) {
      for (let slot = input.slot; slot <= this.latest; slot += 1n) this.proofs.delete(slot);
      this.options.log.truncateFrom(input.slot);
    }
    this.latest = input.slot - 1n;
    this.next = input;
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    this.options.log.close();
  }

  private async run(): Promise<void> {
    const { pace, walk } = this.options;
    const { signal } = this.stopping;
    for (;;) {
      await pace(signal);
      if (signal.aborted) return;
      const input = this.next;
      const checkpoints = await walk(input.seed, input.iterations);
      // The best block may have changed meanwhile, and with it what this slot starts from.
      if (signal.aborted || input !== this.next) continue;
      const proof = { ...input, checkpoints };
      this.keep(proof);
      this.options.log.append(proof);
      this.next = nextPotInput(input.slot, input.iterations, slotOutput(checkpoints), this.change);
      for (const listener of this.listeners) listener(proof);
    }
  }

  private keep(proof: PotProof): void {
    this.proofs.set(proof.slot, proof);
    this.proofs.delete(proof.slot - KEPT_SLOTS);
    this.latest = proof.slot;
  }
}

/** A thread that walks slots, so that nothing else waits for it. */
export class WalkerThread {
  private readonly worker = startThread('./walker-thread.ts');
  private readonly waiting = new Map<
    number,
    { resolve(bytes: Uint8Array): void; reject(error: Error): void }
  >();
  private nextId = 1;

  constructor() {
    this.worker.on('message', ({ id, checkpoints }: { id: number; checkpoints: Uint8Array }) => {
      this.waiting.get(id)?.resolve(checkpoints);
      this.waiting.delete(id);
    });
    this.worker.on('error', (error) => {
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    });
  }

  readonly walk: WalkSlot = (seed, iterations) =>
    new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, seed, iterations });
    });

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}
