/** The local network's own methods, `timekeeper_*`: a page takes over the walk of proof of time. */
import { ProtocolError } from '../../src/protocol/errors.ts';
import { decodePotProof } from '../../src/protocol/pot-proof.ts';
import type { PageWalker } from '../page-walker.ts';
import { invalidParams, RpcFailure } from './failure.ts';
import { bytes, unsubscriber } from './params.ts';
import type { Method } from './server.ts';
import { subscription } from './subspace.ts';

/** A proof from a connection that did not take the role. */
const NOT_KEEPING = 9100;
const ROLE = 'timekeeper';

export function timekeepingMethods(walker: PageWalker): Record<string, Method> {
  return {
    /** Notifies once, when the page keeps time no more: `{ ended: REASON }`. */
    timekeeper_subscribe: subscription('timekeeper_state', (sink, _, { session }) => {
      const leave = walker.take({ end: (ended) => sink.notify({ ended }) });
      if (leave === null) return sink.notify({ ended: 'another page keeps it' });
      session.set(ROLE, true);
      sink.onClose(() => {
        session.delete(ROLE);
        leave();
      });
    }),
    timekeeper_unsubscribe: unsubscriber,
    /** A proof as timekeepers hand it on, 156 bytes of hex. */
    timekeeper_submitProof: ([proof], connection) => {
      if (connection?.session.get(ROLE) !== true)
        throw new RpcFailure(NOT_KEEPING, 'This connection does not keep time');
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
