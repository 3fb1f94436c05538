/** The local network's own methods, `timekeeper_*`: a page takes over the walk of proof of time. */
import { ProtocolError } from '../../src/protocol/errors.ts';
import { decodePotProof } from '../../src/protocol/pot-proof.ts';
import type { PageWalker } from '../page-walker.ts';
import { invalidParams, RpcFailure } from './failure.ts';
import { bytes, unsubscriber } from './params.ts';
import type { Method } from './server.ts';
import { subscription } from './subspace.ts';

/** Another page keeps time. */
const TAKEN = 9100;

export function timekeepingMethods(walker: PageWalker): Record<string, Method> {
  return {
    /** Notifies once, when the page keeps time no more: `{ ended: REASON }`. */
    timekeeper_subscribe: subscription('timekeeper_state', (sink) => {
      const leave = walker.take({ end: (ended) => sink.notify({ ended }) });
      if (leave === null) throw new RpcFailure(TAKEN, 'Another page keeps time');
      sink.onClose(leave);
    }),
    timekeeper_unsubscribe: unsubscriber,
    /** A proof as timekeepers hand it on, 156 bytes of hex. */
    timekeeper_submitProof: ([proof]) => {
      try {
        walker.submit(decodePotProof(bytes(proof, 'proof', 156)));
      } catch (error) {
        if (error instanceof ProtocolError) throw invalidParams(error.message);
        throw error;
      }
      return null;
    },
  };
}
