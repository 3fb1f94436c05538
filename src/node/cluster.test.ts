import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestCluster } from '../cluster/testing.ts';
import { describeWithNats } from '../cluster/testing-nats.ts';
import { until } from '../farm/test-support.ts';
import { Cluster } from './cluster.ts';
import type { Desk } from './desk.ts';
import type { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

const PASSWORD = 'long-42-barley';

/** The keystore of a wallet, as far as the cluster uses it. */
class Keystore {
  unlocked = false;
  readonly records = new Map<string, unknown>();

  async put(id: string, _type: string, value: unknown): Promise<void> {
    this.records.set(id, value);
  }

  get(id: string): unknown {
    return this.records.get(id) ?? null;
  }

  async remove(id: string): Promise<void> {
    this.records.delete(id);
  }
}

describeWithNats('the cluster of a tab', () => {
  let server: TestCluster;
  let keystore: Keystore;
  let settings: Map<string, unknown>;
  let said: string[];
  let clusters: Cluster[];

  beforeEach(async () => {
    server = await TestCluster.start({ extra: `authorization { user: ann, password: "${PASSWORD}" }` });
    keystore = new Keystore();
    settings = new Map();
    said = [];
    clusters = [];
  });

  afterEach(async () => {
    for (const cluster of clusters) await cluster.stop();
    await server.stop();
  });

  /** A tab of the same browser: its store and wallet outlive it. */
  function tab(): Cluster {
    const platform = {
      store: {
        setting: async (name: string) => settings.get(name) ?? null,
        putSetting: async (name: string, value: unknown) => void settings.set(name, structuredClone(value)),
      },
      connectNats: async () => connect,
    } as unknown as NodePlatform;
    const journal = {
      notify: (_level: string, _category: string, text: string) => said.push(text),
      log: (_level: string, text: string) => said.push(text),
    } as unknown as Journal;
    const desk = async () => ({ wallet: { keystore } }) as unknown as Desk;
    const cluster = new Cluster(
      platform,
      journal,
      () => undefined,
      desk,
      async () => undefined,
    );
    clusters.push(cluster);
    return cluster;
  }

  const request = (password = PASSWORD) => ({
    server: server.server.url,
    credentials: { kind: 'password' as const, user: 'ann', password },
    plotter: false,
    farmer: false,
  });

  it('keeps credentials for the session while the wallet is locked', async () => {
    const first = tab();
    await first.join(request());
    expect(first.view()).toMatchObject({ phase: 'joined', secrets: 'session' });
    await first.stop();
    const second = tab();
    await second.resume();
    await until(() => second.view()?.cause != null, 'a cause');
    expect(second.view()!.cause!.sentence).toContain('Enter them again');
    expect(JSON.stringify([...settings, ...said, second.view()])).not.toContain(PASSWORD);
  });

  it('keeps them in the wallet when that is unlocked', async () => {
    keystore.unlocked = true;
    const first = tab();
    await first.join(request());
    expect(first.view()).toMatchObject({ phase: 'joined', secrets: 'wallet' });
    await first.stop();
    keystore.unlocked = false;
    const second = tab();
    await second.resume();
    await until(() => second.view()?.cause != null, 'a cause');
    expect(second.view()!.cause!.action).toBe('Join again');
    keystore.unlocked = true;
    await second.retry();
    expect(second.view()).toMatchObject({ phase: 'joined', cause: null });
    expect(JSON.stringify([...settings, ...said, second.view()])).not.toContain(PASSWORD);
    await second.forget();
    expect(second.view()).toBeNull();
    expect(keystore.records.size).toBe(0);
  });

  it('remembers no cluster that refused it', async () => {
    const first = tab();
    await expect(first.join(request('wrong'))).rejects.toThrow('does not accept these credentials');
    expect(first.view()).toBeNull();
    expect(settings.get('cluster')).toBeNull();
  });

  it('shows that the server is away, and that it is back', async () => {
    const first = tab();
    await first.join(request());
    await server.server.halt();
    await until(() => first.view()?.phase === 'away', 'the loss');
    await server.server.restart();
    await until(() => first.view()?.phase === 'joined', 'the server again');
    expect(first.view()!.cause).toBeNull();
  });
});
