import type { ComputePool } from '../crypto/jobs.ts';
import { TablePool, type TablesView } from '../crypto/table-pool.ts';
import type { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

/** The workers of a node, and the graphics processor beside them where there is one and it pays. */
export async function createTablePool(
  platform: Pick<NodePlatform, 'createPool' | 'openTables'>,
  cores: number,
  journal: Pick<Journal, 'log' | 'notify'>,
  changed: () => void,
): Promise<TablePool> {
  const workers: ComputePool = await platform.createPool(cores);
  let before: TablesView['state'] = 'untried';
  return new TablePool(workers, {
    open: platform.openTables && (() => platform.openTables!()),
    changed: (view) => {
      if (view.state !== before) tell(before, view, journal);
      before = view.state;
      changed();
    },
  });
}

function tell(
  before: TablesView['state'],
  { state, adapter, gpuSeconds, workerSeconds, reason }: TablesView,
  journal: Pick<Journal, 'log' | 'notify'>,
): void {
  if (gpuSeconds !== null && before === 'measuring')
    journal.log(
      'info',
      `WebGPU (${adapter}) makes a table in ${gpuSeconds.toFixed(2)} s, a worker in ${workerSeconds?.toFixed(2)} s`,
    );
  if (state !== 'failed') return;
  journal.log('warning', `WebGPU does not make tables: ${reason}`);
  if (before === 'used')
    journal.notify(
      'warning',
      'farm',
      'The graphics processor no longer helps with plotting; the cores go on.',
    );
}
