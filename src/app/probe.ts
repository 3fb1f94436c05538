import { useEffect, useState } from 'react';
import type { NetworkProbe } from '../node/api.ts';
import { node } from './node-client.ts';

/** Wait before an address that is being typed is asked. */
const TYPING_MS = 250;

/** What the node at an address says of its network; null while it is being asked. */
export function useProbe(endpoint: string): NetworkProbe | null {
  const [probe, setProbe] = useState<NetworkProbe | null>(null);
  useEffect(() => {
    let current = true;
    setProbe(null);
    const timer = setTimeout(() => {
      node.probe(endpoint).then(
        (result) => current && setProbe(result),
        () => undefined,
      );
    }, TYPING_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [endpoint]);
  return probe;
}
