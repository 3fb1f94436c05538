/** Who makes the proof-of-space tables of plotting, in plain words. */
import type { TablesView } from '../../node/api.ts';
import { duration } from '../format.ts';

const CORES = 'the processor’s cores';

export function tableWords({ state, adapter, gpuSeconds, workerSeconds, reason }: TablesView): string {
  const time = (seconds: number | null): string => (seconds === null ? '–' : duration(1000 * seconds));
  const card = adapter ? `graphics processor (${adapter})` : 'graphics processor';
  switch (state) {
    case 'untried':
      return `${CORES}; whether the graphics processor is faster is tried when plotting begins`;
    case 'measuring':
      return `${CORES}; the graphics processor is being tried`;
    case 'none':
      return `${CORES}; this browser offers no graphics processor`;
    case 'slower':
      return `${CORES}, ${time(workerSeconds)} a table each; the ${card} takes ${time(gpuSeconds)}`;
    case 'used':
      return `the ${card}, ${time(gpuSeconds)} a table; a core takes ${time(workerSeconds)}`;
    case 'failed':
      return `${CORES}; the ${card} was given up: ${reason ?? 'it failed'}`;
  }
}
