/** What a failure says about the source that it came from. */
import { RpcError } from '../network/rpc-error.ts';
import { ProtocolError, messageOf } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import type { SlotNumber } from '../protocol/types.ts';
import { CannotExamine } from './learn.ts';
import { EarlyBlock, RefusedBlock } from './sync.ts';
import { UnreliableSource } from './unreliable.ts';

/** The block that broke a rule. */
export interface AccusedBlock {
  number: number;
  /** 32 bytes. */
  hash: Uint8Array;
}

export type Judgement =
  /** It broke a rule. `block`: the one that did; null: no block is to blame. */
  | { kind: 'lie'; block: AccusedBlock | null; rule: string; sentence: string }
  /** Its block is not due yet by this device's clock. */
  | { kind: 'early'; slot: SlotNumber }
  /** Its history cannot be examined, which is no lie. */
  | { kind: 'unexaminable'; sentence: string }
  /** It failed without lying. `log`: what the log says beyond the sentence. */
  | { kind: 'failure'; sentence: string; log: string | null }
  /** It is gone, which its connection tells by itself. */
  | { kind: 'gone' };

/** Judges a failure. Whatever it is, there is a judgement: nothing that a source does is an error of this app. */
export function judgementOf(error: unknown): Judgement {
  if (error instanceof RefusedBlock) {
    const { header } = error.block;
    const { rule, sentence } = error.cause;
    return { kind: 'lie', block: { number: header.number, hash: headerHash(header) }, rule, sentence };
  }
  if (error instanceof ProtocolError)
    return { kind: 'lie', block: null, rule: error.rule, sentence: error.sentence };
  if (error instanceof EarlyBlock) return { kind: 'early', slot: error.slot };
  if (error instanceof CannotExamine) return { kind: 'unexaminable', sentence: error.sentence };
  if (error instanceof UnreliableSource) return { kind: 'failure', sentence: error.sentence, log: null };
  if (error instanceof RpcError) {
    const { code, sentence } = error;
    if (code === 'malformed' || code === 'oversized')
      return { kind: 'lie', block: null, rule: 'rpc', sentence };
    if (code === 'disconnected' || code === 'closed') return { kind: 'gone' };
    return { kind: 'failure', sentence, log: null };
  }
  return {
    kind: 'failure',
    sentence: 'The source answered in a way that this app does not understand.',
    log: messageOf(error),
  };
}
