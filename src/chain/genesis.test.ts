import { describe, expect, it } from 'vitest';
import { fromHex } from '../protocol/bytes.ts';
import { headerHash } from '../protocol/header.ts';
import type { Header } from '../protocol/types.ts';
import { PRESETS } from '../network/presets.ts';
import { genesisContext, knownGenesis, requireGenesis } from './genesis.ts';

describe('genesis', () => {
  const known = PRESETS.flatMap(({ genesisHash }) => (genesisHash === null ? [] : [fromHex(genesisHash)]));
  const facts = known.map(knownGenesis).find((found) => found !== null)!;
  const hash = headerHash(facts.header);

  it('of a public network needs no source', () => {
    requireGenesis(facts.header, hash);
    expect(known).toContainEqual(hash);
    expect(knownGenesis(new Uint8Array(32))).toBeNull();
    expect(genesisContext(facts)).toMatchObject({ hash, number: 0, slot: 0n, weight: 0n, eraStartSlot: 0n });
  });

  it('is an empty block without a parent, of the expected hash', () => {
    const other = (change: Partial<Header>) => () => {
      const header = { ...facts.header, ...change };
      requireGenesis(header, headerHash(header));
    };
    expect(other({ stateRoot: new Uint8Array(32) })).not.toThrow();
    expect(other({ number: 1 })).toThrow('genesis');
    expect(other({ parentHash: new Uint8Array(32).fill(1, 31) })).toThrow('genesis');
    expect(other({ extrinsicsRoot: new Uint8Array(32) })).toThrow('genesis');
    expect(other({ digest: [{ kind: 'runtimeEnvironmentUpdated' }] })).toThrow('genesis');
    expect(() => requireGenesis(facts.header, new Uint8Array(32))).toThrow('genesis');
  });
});
