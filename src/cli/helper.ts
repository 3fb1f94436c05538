/** `--helper`: the native helper that a node of the command line verifies and plots with. */
import { keptPairingCode } from '../network/helper-code-node.ts';
import type { AllotmentNode } from '../node/node.ts';
import { UsageError } from './usage.ts';

/** Where a helper listens and its pairing code, of `PORT` or `PORT:CODE`. Throws UsageError. */
export function parseHelper(where: string): { port: number; code: string } {
  const [, port, given] = /^(\d{1,5})(?::([0-9a-f]{32}))?$/.exec(where) ?? [];
  if (port === undefined)
    throw new UsageError('--helper takes the helper’s port, or PORT:CODE with its pairing code');
  const code = given ?? keptPairingCode();
  if (code === null)
    throw new UsageError('--helper: no helper was ever started here; PORT:CODE takes its pairing code');
  return { port: Number(port), code };
}

/** Pairs with the helper that `PORT` or `PORT:CODE` names, or forgets the one before for `off`. */
export async function useHelper(node: AllotmentNode, where: string | undefined): Promise<void> {
  if (where === undefined) return;
  if (where === 'off') return node.forgetHelper();
  const { port, code } = parseHelper(where);
  await node.pairHelper(port, code);
}
