import type { Notation } from '../protocol/notation.ts';
import { PRESETS, type NetworkPreset } from '../network/presets.ts';
import type { NetworkChoice, NetworkId } from './api.ts';

/** A network that the first-run flow offers, with what to say of it. */
export interface NetworkOffer extends NetworkChoice {
  description: string;
}

const DESCRIPTIONS: Record<NetworkId, string> = {
  local: 'The network that “npm start” runs on this machine. Best for a first look.',
  mainnet: 'The real network. To farm on it, use your own node as the endpoint.',
  chronos: 'The public test network; its tokens have no price.',
  custom: 'Any node of a Subspace network, at the address you give.',
};

/** The networks offered at first run. Endpoints are examples that the person may replace. */
export const networkChoices: NetworkOffer[] = PRESETS.map(({ id, name, endpoints, genesisHash }) => ({
  id,
  name,
  endpoints,
  genesisHash,
  description: DESCRIPTIONS[id],
}));

/** What is known beforehand of a network that was chosen. */
export function presetOf(id: NetworkId): NetworkPreset | null {
  return PRESETS.find((preset) => preset.id === id) ?? null;
}

/** How amounts and addresses are written before the network has told, or none was chosen. */
export function usualNotation(id: NetworkId = 'custom'): Notation {
  return (presetOf(id) ?? (PRESETS[0] as NetworkPreset)).notation;
}
