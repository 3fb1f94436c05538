import type { NodeSnapshot, Setup } from '../node/api.ts';

/** What every screen is given: the snapshot, with the choices known to be made. */
export interface ScreenProps {
  snapshot: NodeSnapshot & { setup: Setup };
}
