/** Proof of time in plain words. */
import { CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';
import type { PotShare } from '../crypto/pot-budget.ts';

const short = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const rounded = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2 });

/** How much of each slot is verified. */
export function shareWords(share: PotShare): string {
  return share.mode === 'full'
    ? 'every checkpoint'
    : `${share.checkpointsPerSlot} of ${CHECKPOINTS_IN_SLOT} checkpoints, drawn at random`;
}

/** A chance between 0 and 1, such as “1 in 620,000”. */
export function chanceWords(chance: number): string {
  if (chance < 1e-12) return 'less than 1 in a trillion';
  return chance > 0.5 ? `${Math.round(chance * 100)} %` : `1 in ${rounded.format(1 / chance)}`;
}

/** Iterations a second. */
export function speedWords(iterationsPerSecond: number): string {
  if (iterationsPerSecond >= 1e9) return `${short.format(iterationsPerSecond / 1e9)} billion iterations/s`;
  if (iterationsPerSecond >= 1e6) return `${short.format(iterationsPerSecond / 1e6)} million iterations/s`;
  return `${short.format(iterationsPerSecond)} iterations/s`;
}

const WALKERS: Record<string, string> = {
  webcrypto: 'this tab, by WebCrypto',
  wasm: 'this tab, by WebAssembly',
  webgpu: 'this tab, on the graphics processor (WebGPU)',
};

/** Who walks: `webcrypto`, `wasm`, `webgpu`, or a helper by its own name. */
export function walkerWords(walker: string): string {
  return WALKERS[walker] ?? (walker === '' ? '–' : `your ${walker}`);
}
