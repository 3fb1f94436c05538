/** Why something of the verified chain could not be proven. */
import { RpcError } from '../network/rpc-error.ts';
import { ownSentence } from '../protocol/errors.ts';

/** Nothing could be proven: no source gave a proof, or none could be asked yet. */
export class NoProof extends Error {
  readonly sentence: string;
  /** Whether a node answered and did not have it, and not merely nobody could be asked. */
  readonly refused: boolean;

  /** `cause`: what the last source that was asked did; null when no source is connected. */
  constructor(cause: unknown) {
    super('no source gave a proof', { cause });
    this.name = 'NoProof';
    this.refused = cause instanceof Missing || (cause instanceof RpcError && typeof cause.code === 'number');
    this.sentence = ownSentence(cause) ?? 'No node is connected to ask for a proof.';
  }
}

/** A source, or a proven state, does not have what is asked of it. */
export class Missing extends Error {
  constructor(
    message: string,
    readonly sentence: string,
  ) {
    super(message);
    this.name = 'Missing';
  }
}

/** What questions rest on is not known yet. */
class NotYet extends Error {
  constructor(
    message: string,
    readonly sentence: string,
  ) {
    super(message);
    this.name = 'NotYet';
  }
}

/** No block is verified, so that nothing can be proven against one. */
export function noHead(): NoProof {
  return new NoProof(
    new NotYet('no verified head', 'No block of the chain is verified yet. Try again soon.'),
  );
}

/** No source has described the runtime, so that nobody knows how its state is read. */
export function noRuntime(): NoProof {
  return new NoProof(
    new NotYet(
      'no description of the runtime',
      'The node that is connected has not described the network’s rules yet. Try again soon.',
    ),
  );
}

/** The chain is not that long yet. */
export function tooNew(number: number, lacking: 'verified' | 'final'): NoProof {
  return new NoProof(new NotYet(`block ${number} is too new`, `Block ${number} is not ${lacking} yet.`));
}
