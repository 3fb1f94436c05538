/** The sources of a light client: which there are, which are used first, and which are put off for what. */
import type { ChainSource } from '../network/source.ts';
import { toHex } from '../protocol/bytes.ts';
import type { PotProof } from '../protocol/pot-proof.ts';
import type { ChainBook } from './book.ts';
import type { AccusedBlock } from './judgement.ts';
import { Peer } from './peer.ts';
import type { SourceStatus } from './snapshot.ts';

export interface PeersOptions {
  book: ChainBook;
  /** A source announced something, or its connection changed. */
  changed: () => void;
  /** A source gossiped a proof of time, which nobody has verified. */
  heard: (peer: Peer, proof: PotProof) => void;
  log: (line: string) => void;
  /** Milliseconds of a clock that nobody sets. */
  elapsed: () => number;
}

export class Peers {
  readonly all: Peer[] = [];

  constructor(private readonly options: PeersOptions) {}

  /** Takes a source in. */
  add(source: ChainSource): Peer {
    const { changed, heard, elapsed } = this.options;
    const lied = (peer: Peer, rule: string, sentence: string) => this.putOff(peer, null, rule, sentence);
    const peer = new Peer(source, { changed, heard, lied }, elapsed);
    this.all.push(peer);
    return peer;
  }

  /** Those that may be asked now, best behaved first. */
  usable(): ChainSource[] {
    const usable = this.all.filter(({ usable: is }) => is);
    return usable.sort((a, b) => a.penalty - b.penalty).map(({ source }) => source);
  }

  /** The highest block that any of them claims, or null. */
  target(): number | null {
    const claimed = this.all.flatMap(({ claimedBest, dropped }) =>
      claimedBest === null || dropped ? [] : [claimedBest.header.number],
    );
    return claimed.length === 0 ? null : Math.max(...claimed);
  }

  /** What is shown of each, in the order in which they came. */
  views(): SourceStatus[] {
    return this.all.map((peer) => peer.status());
  }

  /** A source broke a rule: it is named, with the block that did, and not used for a while. */
  putOff(peer: Peer, block: AccusedBlock | null, rule: string, sentence: string): void {
    this.options.book.refused({
      source: peer.name,
      number: block?.number ?? null,
      hash: block && toHex(block.hash),
      rule,
      sentence,
    });
    this.options.log(`${peer.name} was put off (${rule}): ${sentence}`);
    peer.drop(sentence);
  }

  /** Closes the connections of all. */
  close(): void {
    for (const peer of this.all) peer.close();
  }
}
