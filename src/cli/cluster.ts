/** `allotment cluster ROLE`: a member of a farming cluster under Node.js. */
import type { ClusterConnection } from '../cluster/connection.ts';
import { joinCluster } from './cluster-join.ts';
import { CLUSTER_HELP, JOINING, parseCluster } from './cluster-options.ts';
import { ROLES, type Stop } from './cluster-roles.ts';
import { endSignal } from './signals.ts';
import { dataFolder, requireTaken, UsageError } from './usage.ts';

/** Runs a role until a signal ends it. Throws UsageError, ClusterError and others that carry a sentence. */
export async function runCluster(args: string[]): Promise<void> {
  const { values, positionals } = parseCluster(args);
  const name = positionals[0] ?? '';
  if (values.help === true || name === '') {
    process.stdout.write(CLUSTER_HELP);
    return;
  }
  const role = ROLES.get(name);
  if (role === undefined) throw new UsageError(`there is no role “${name}”`);
  const options = [...JOINING, ...role.options];
  requireTaken(`cluster ${name}`, values, positionals.slice(1), { arguments: 0, options });
  const start = role.prepare(values);
  const stopped = endSignal('The program was told to end.');
  let connection: ClusterConnection | null = null;
  let stop: Stop = async () => undefined;
  try {
    connection = await joinCluster(values, name, stopped);
    stop = await start({ folder: dataFolder(values.data), connection, stopped });
    if (!stopped.aborted) await new Promise((resolve) => stopped.addEventListener('abort', resolve));
  } catch (error) {
    if (!stopped.aborted) throw error;
  } finally {
    await stop();
    await connection?.close();
  }
}
