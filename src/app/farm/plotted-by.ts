import type { PlottedBy } from '../../farm/snapshot.ts';

/** Who encodes a sector, in words. */
export const PLOTTED_BY: Record<PlottedBy, string> = {
  tab: 'by this tab',
  helper: 'by your helper',
  cluster: 'by the cluster',
};
