/** `allotment cluster ROLE`: a member of a farming cluster under Node.js. */
import type { ClusterConnection } from '../cluster/connection.ts';
import { joinCluster } from './cluster-join.ts';
import { CLUSTER_HELP, parseCluster } from './cluster-options.ts';
import { ROLES, type Stop } from './cluster-roles.ts';
import { endSignal } from './signals.ts';
import { dataFolder, UsageError } from './usage.ts';

/** Runs a role until a signal ends it. Throws UsageError, ClusterError and others that carry a sentence. */
export async function runCluster(args: string[]): Promise<void> {
  const { values, positionals } = parseCluster(args);
  const role = positionals[0] ?? '';
  const startRole = ROLES[role];
  if (values.help === true || role === '') {
    process.stdout.write(CLUSTER_HELP);
    return;
  }
  if (startRole === undefined) throw new UsageError(`there is no role “${role}”`);
  const stopped = endSignal('The program was told to end.');
  let connection: ClusterConnection | null = null;
  let stop: Stop = async () => undefined;
  try {
    connection = await joinCluster(values, role, stopped);
    const folder = dataFolder(values.data);
    stop = await startRole({ values, folder, connection, stopped });
    if (!stopped.aborted) await new Promise((resolve) => stopped.addEventListener('abort', resolve));
  } catch (error) {
    if (!stopped.aborted) throw error;
  } finally {
    await stop();
    await connection?.close();
  }
}
