/** A NATS server and members on it, for tests. */
import { connect } from '@nats-io/transport-node';
import { NatsServer, type NatsServerOptions } from '../../devnet/nats-server.ts';
import { ClusterConnection, type ConnectionSettings } from './connection.ts';

export class TestCluster {
  private readonly connections: ClusterConnection[] = [];
  readonly lines: string[] = [];

  private constructor(readonly server: NatsServer) {}

  static async start(options: Partial<NatsServerOptions> = {}): Promise<TestCluster> {
    return new TestCluster(await NatsServer.start({ port: 0, webSocketPort: 0, ...options }));
  }

  async connect(settings: Partial<ConnectionSettings> = {}): Promise<ClusterConnection> {
    const connection = await ClusterConnection.connect({
      connect,
      servers: [this.server.url],
      credentials: { kind: 'none' },
      name: 'test',
      log: (line) => this.lines.push(line),
      ...settings,
    });
    this.connections.push(connection);
    return connection;
  }

  async stop(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.close()));
    await this.server.stop();
  }
}
