/**
 * One node an origin. Every tab has a worker with a hub; the hub that holds the Web Lock runs the node, the
 * others show its snapshots and pass commands on. The lock stays contended while a second tab is open, and
 * whoever holds it loses it when its tab dies, so that a viewer takes over by itself.
 */
import { Later } from '../async/later.ts';
import { pause } from '../async/pause.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { NodeApi, NodeSnapshot } from './api.ts';
import { causeOf } from './causes.ts';
import { NodeError } from './errors.ts';
import type { ObjectAnswer, ObjectRequest } from './object-ports.ts';
import { NO_TIMEKEEPING } from './keep-time.ts';
import { usualNotation } from './networks.ts';
import { NO_TABLES } from '../crypto/table-pool.ts';
import { NO_HELPER } from './helper.ts';
import { lacking } from './needs.ts';
import { packSnapshot, type PackedSnapshot } from './sector-wire.ts';

type Commands = Omit<NodeApi, 'subscribe' | 'takeOver' | 'alive' | 'serveObject' | 'lendWebRtc'>;
type CommandName = keyof Commands;

/** What a hub runs once it leads. */
export interface RunnableNode extends Commands {
  snapshot(): NodeSnapshot;
  /** Calls `changed` whenever the snapshot has changed. */
  onChange(changed: () => void): void;
  /** Answers a request for an object over a port. */
  serveObject(request: ObjectRequest, port: MessagePort): void;
  stop(): Promise<void>;
}

type Message =
  | { kind: 'hello' }
  | { kind: 'snapshot'; snapshot: PackedSnapshot }
  | { kind: 'command'; id: string; name: CommandName; args: unknown[] }
  | { kind: 'result'; id: string; value: unknown }
  | { kind: 'failure'; id: string; message: string };

const LOCK = 'allotment-node';
const CHANNEL = 'allotment';
const SNAPSHOT_INTERVAL_MS = 250;
const COMMAND_TIMEOUT_MS = 60_000;
/** Wait before a node that could not start, say for storage that is denied, is tried again. */
const RETRY_MS = 10_000;

/** Runs the node in this tab or views the one of another tab; see the module's comment. */
export class NodeHub {
  private node: RunnableNode | null = null;
  private starting: Promise<RunnableNode> | null = null;
  private readonly listeners = new Set<(snapshot: PackedSnapshot) => void>();
  private readonly waiting = new Map<
    string,
    { done: (value: unknown) => void; failed: (error: Error) => void }
  >();
  private readonly channel = new BroadcastChannel(CHANNEL);
  private latest: PackedSnapshot | null = null;
  private readonly sending = new Later(() => this.sendSnapshot());
  private lastSent = 0;

  constructor(private readonly create: () => Promise<RunnableNode>) {
    const sentence = lacking(globalThis);
    if (sentence !== null) {
      this.show(notStarted(new NodeError('unsupported', sentence)));
      return;
    }
    this.channel.onmessage = (event: MessageEvent<Message>) => this.receive(event.data);
    this.channel.postMessage({ kind: 'hello' } satisfies Message);
    void this.lead(false);
  }

  /** Calls `listener` with the newest snapshot now and at every change, at most four times a second. */
  subscribe(listener: (snapshot: PackedSnapshot) => void): void {
    this.listeners.add(listener);
    if (this.latest !== null) listener(this.latest);
  }

  /** Takes the lock from the tab that has it; that tab becomes a viewer. */
  async takeOver(): Promise<void> {
    if (this.node === null) void this.lead(true);
  }

  /** Runs a command on the node, in this tab or in the one that leads. */
  async command(name: CommandName, args: unknown[]): Promise<unknown> {
    const local = this.node ?? (this.starting === null ? null : await this.starting);
    if (local !== null) return invoke(local, name, args);
    const id = crypto.randomUUID();
    return new Promise((done, failed) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        failed(
          new NodeError(
            'unreachable',
            'The tab that runs the node does not answer. Close it, or run the node here.',
          ),
        );
      }, COMMAND_TIMEOUT_MS);
      this.waiting.set(id, {
        done: (value) => {
          clearTimeout(timer);
          done(value);
        },
        failed: (error) => {
          clearTimeout(timer);
          failed(error);
        },
      });
      this.channel.postMessage({ kind: 'command', id, name, args } satisfies Message);
    });
  }

  /** Answers a request for an object over a port, if the node runs in this tab. */
  serveObject(request: ObjectRequest, port: MessagePort): void {
    if (this.node !== null) this.node.serveObject(request, port);
    else {
      port.postMessage({ kind: 'not-here' } satisfies ObjectAnswer);
      port.close();
    }
  }

  private async lead(steal: boolean): Promise<void> {
    const tenure = new AbortController();
    try {
      await navigator.locks.request(LOCK, steal ? { steal: true } : {}, () => this.run(tenure.signal));
    } catch {
      // The lock was taken over by another tab: stop what ran here and wait in line again.
      tenure.abort();
      const node = this.node;
      this.node = null;
      this.starting = null;
      // What cannot be stopped cleanly must not keep this tab from its place in line.
      await node?.stop().catch(() => undefined);
      void this.lead(false);
      this.channel.postMessage({ kind: 'hello' } satisfies Message);
    }
  }

  private async run(tenure: AbortSignal): Promise<never> {
    const node = await this.created(tenure);
    if (tenure.aborted) await node.stop();
    else {
      this.node = node;
      this.starting = null;
      node.onChange(() => this.scheduleSnapshot());
      this.sendSnapshot();
    }
    return new Promise<never>(() => undefined);
  }

  /** The node, tried until it starts; meanwhile the page is told why it does not. */
  private async created(tenure: AbortSignal): Promise<RunnableNode> {
    for (;;) {
      this.starting = this.create();
      try {
        return await this.starting;
      } catch (error) {
        if (tenure.aborted) throw error;
        this.starting = null;
        this.show(notStarted(error));
        await pause(RETRY_MS);
      }
    }
  }

  private scheduleSnapshot(): void {
    this.sending.plan(Math.max(0, this.lastSent + SNAPSHOT_INTERVAL_MS - performance.now()));
  }

  private sendSnapshot(): void {
    this.sending.cancel();
    if (this.node === null) return;
    this.lastSent = performance.now();
    const snapshot = packSnapshot(this.node.snapshot());
    this.show({ ...snapshot, role: 'leader' });
    this.channel.postMessage({ kind: 'snapshot', snapshot } satisfies Message);
  }

  private show(snapshot: PackedSnapshot): void {
    this.latest = snapshot;
    for (const listener of this.listeners) listener(snapshot);
  }

  private receive(message: Message): void {
    switch (message.kind) {
      case 'hello':
        if (this.node !== null) this.sendSnapshot();
        break;
      case 'snapshot':
        if (this.node === null) this.show({ ...message.snapshot, role: 'viewer' });
        break;
      case 'command':
        if (this.node !== null) void this.answer(this.node, message);
        break;
      case 'result':
        this.waiting.get(message.id)?.done(message.value);
        this.waiting.delete(message.id);
        break;
      case 'failure':
        this.waiting.get(message.id)?.failed(new Error(message.message));
        this.waiting.delete(message.id);
        break;
    }
  }

  private async answer(node: RunnableNode, message: Message & { kind: 'command' }): Promise<void> {
    try {
      const value = await invoke(node, message.name, message.args);
      this.channel.postMessage({ kind: 'result', id: message.id, value } satisfies Message);
    } catch (error) {
      this.channel.postMessage({
        kind: 'failure',
        id: message.id,
        message: sentenceOf(error),
      } satisfies Message);
    }
  }
}

function invoke(node: RunnableNode, name: CommandName, args: unknown[]): Promise<unknown> {
  const method = node[name] as (...args: unknown[]) => Promise<unknown>;
  return method.apply(node, args);
}

/** What the page shows of a node that could not start. */
function notStarted(error: unknown): PackedSnapshot {
  return {
    role: 'starting',
    setup: null,
    notation: usualNotation(),
    machine: {
      cores: navigator.hardwareConcurrency || 1,
      crossOriginIsolated: globalThis.crossOriginIsolated,
      storage: 'none',
      quotaBytes: null,
      usedBytes: null,
      persisted: false,
      missing: [],
    },
    chain: null,
    farms: [],
    rewardAddress: null,
    helper: NO_HELPER,
    tables: NO_TABLES,
    timekeeping: NO_TIMEKEEPING,
    cluster: null,
    notices: [],
    failure: causeOf(error, 'Reload'),
  };
}
