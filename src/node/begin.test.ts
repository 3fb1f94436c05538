import { describe, expect, it } from 'vitest';
import { formatCheckpoint } from '../chain/checkpoint-text.ts';
import { beginChoice } from './begin.ts';

const hash = (byte: number) => new Uint8Array(32).fill(byte);
const network = { name: 'Autonomys Mainnet', genesisHash: '11'.repeat(32) };

describe('where to begin', () => {
  it('is by the length of the chain unless the person chose', () => {
    expect(beginChoice(undefined, network)).toEqual({ kind: 'auto' });
    expect(beginChoice({ kind: 'examine' }, network)).toEqual({ kind: 'examine' });
  });

  it('may be a checkpoint of this network', () => {
    const text = formatCheckpoint(hash(0x11), 7, hash(2));
    const block = { genesisHash: hash(0x11), number: 7, hash: hash(2) };
    expect(beginChoice({ kind: 'checkpoint', text }, network)).toEqual({ kind: 'checkpoint', block });
    expect(beginChoice({ kind: 'checkpoint', text }, { ...network, genesisHash: null })).toMatchObject({
      block,
    });
  });

  it('is refused in a sentence where a checkpoint cannot be right', () => {
    const refusal = (text: string) => () => beginChoice({ kind: 'checkpoint', text }, network);
    expect(refusal(formatCheckpoint(hash(0x12), 7, hash(2)))).toThrow(
      'The checkpoint belongs to another network than Autonomys Mainnet.',
    );
    expect(refusal(formatCheckpoint(hash(0x11), 0, hash(0x11)))).toThrow('The first block is no checkpoint');
    for (const text of ['', 'su…', formatCheckpoint(hash(0x11), 7, hash(2)).slice(0, -1)])
      expect(refusal(text)).toThrow('This is neither a checkpoint nor the hash of a block.');
  });
});
