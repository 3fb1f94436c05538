/**
 * This tab as the timekeeper of a local network: it walks slot after slot from what it verified of the chain, one slot
 * ahead of the network, and hands the proofs to the node. Real nodes take proofs of time from their peers only.
 */
import { Wakeup } from '../async/wakeup.ts';
import type { BlockContext } from '../chain/block.ts';
import type { LightClient } from '../chain/light-client.ts';
import { JobPriority, type ComputePool } from '../crypto/jobs.ts';
import { NO_SUCH_CALL, RpcError } from '../network/rpc-error.ts';
import type { RpcSource } from '../network/source.ts';
import { toHex } from '../protocol/bytes.ts';
import { encodePotProof } from '../protocol/pot-proof.ts';
import { nextPotInput, samePotInput, slotOutput, type PotInput } from '../protocol/pot.ts';
import type { PotParametersChange, SlotNumber } from '../protocol/types.ts';

export interface TimekeepingView {
  /** `waiting`: for the network's next slot; `refused`: the node does not take this tab's time. */
  phase: 'off' | 'waiting' | 'keeping' | 'refused';
  /** Slots that this tab walked and handed over. */
  slots: number;
  /** Milliseconds that the last one took. */
  lastMs: number | null;
  /** Whether walking takes longer than slots last. */
  behind: boolean;
  /** Why it is refused. */
  sentence: string | null;
}

export const NO_TIMEKEEPING: TimekeepingView = {
  phase: 'off',
  slots: 0,
  lastMs: null,
  behind: false,
  sentence: null,
};

/** Slots that are walked before the network is there. */
const LEAD = 2n;
/** Walked slots that are kept, in case the best block changes and still agrees with them. */
const KEPT_SLOTS = 64;

/** A slot that was walked. */
interface Walked {
  input: PotInput;
  output: Uint8Array;
}

type Chain = Pick<LightClient, 'head' | 'onChange' | 'constants'>;
type Node = Pick<RpcSource, 'client' | 'farmer'>;

export class Timekeeping {
  private readonly stopping = new AbortController();
  private readonly ends: (() => void)[] = [];
  private readonly walked = new Map<SlotNumber, Walked>();
  private next: PotInput | null = null;
  private change: PotParametersChange | null = null;
  private head: BlockContext | null = null;
  /** Newest slot of the network. */
  private present: SlotNumber | null = null;
  private readonly wakeup = new Wakeup();
  private current: TimekeepingView = { ...NO_TIMEKEEPING, phase: 'waiting' };

  constructor(
    private readonly chain: Chain,
    private readonly pool: ComputePool,
    private readonly node: Node,
    private readonly changed: () => void,
  ) {
    const role = node.client.subscribe(
      'timekeeper_subscribe',
      'timekeeper_unsubscribe',
      [],
      (state) => this.ended(state),
      { failed: (error) => this.refused(error) },
    );
    this.ends.push(
      () => role.close(),
      node.farmer.onSlot(({ slotNumber }) => {
        this.present = slotNumber;
        this.wakeup.wake();
      }),
      chain.onChange(() => this.follow()),
    );
    this.follow();
    void this.run();
  }

  view(): TimekeepingView {
    return this.current;
  }

  stop(): void {
    this.stopping.abort();
    this.wakeup.close();
    for (const end of this.ends.splice(0)) end();
  }

  /** Goes on from the best block: what was walked stays as far as the block's parameters lead to it. */
  private follow(): void {
    const context = this.chain.head()?.context ?? null;
    if (context === null || context === this.head) return;
    this.head = context;
    this.change = context.change;
    const { provenSlot, provenOutput, childSlotIterations, change } = context;
    let input = nextPotInput(provenSlot, childSlotIterations, provenOutput, change);
    for (;;) {
      const known = this.walked.get(input.slot);
      if (known === undefined || !samePotInput(known.input, input)) break;
      input = nextPotInput(input.slot, input.iterations, known.output, change);
    }
    if (this.next !== null && samePotInput(this.next, input)) return;
    this.next = input;
    this.wakeup.wake();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const { next, present } = this;
      if (next === null || present === null || next.slot > present + LEAD) {
        await this.wakeup.wait(null);
        continue;
      }
      try {
        await this.walk(next, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.refused(error);
      }
    }
  }

  private async walk(input: PotInput, signal: AbortSignal): Promise<void> {
    const { seed, iterations, slot } = input;
    const started = performance.now();
    const { checkpoints } = await this.pool.run(
      'pot.prove',
      { seed, iterations },
      { priority: JobPriority.verifyHead, signal },
    );
    // The best block may have changed meanwhile, and with it what this slot starts from.
    if (input !== this.next) return;
    const output = slotOutput(checkpoints);
    this.walked.set(slot, { input, output });
    this.walked.delete(slot - BigInt(KEPT_SLOTS));
    this.next = nextPotInput(slot, iterations, output, this.change);
    const proof = toHex(encodePotProof({ ...input, checkpoints }));
    await this.node.client.call('timekeeper_submitProof', [proof], { signal });
    const lastMs = performance.now() - started;
    const behind = lastMs > (this.chain.constants()?.slotDurationMs ?? Number.POSITIVE_INFINITY);
    this.show({ phase: 'keeping', slots: this.current.slots + 1, lastMs, behind, sentence: null });
  }

  private ended(state: unknown): void {
    const { ended } = (state ?? {}) as { ended?: unknown };
    this.give(`The network does not take its time from this tab: ${String(ended).slice(0, 200)}.`);
  }

  private refused(error: unknown): void {
    if (error instanceof RpcError && error.code === NO_SUCH_CALL)
      return this.give('This node takes proofs of time from its peers only, as the real network does.');
    // A connection that was lost comes back, and the subscription with it.
    if (error instanceof RpcError && typeof error.code === 'string') return;
    this.give(error instanceof RpcError ? error.sentence : String(error));
  }

  /** Gives the role up. */
  private give(sentence: string): void {
    this.stop();
    this.show({ ...this.current, phase: 'refused', sentence });
  }

  private show(view: TimekeepingView): void {
    this.current = view;
    this.changed();
  }
}
