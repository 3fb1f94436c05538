/** Commands for what identities say of each other: co-issuance and succession. */
import { Refusal } from '../wallet/errors.ts';
import { readChain, subjectOf } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { formatDid } from './did.ts';
import {
  attestCoIssuance,
  attestSuccession,
  checkSuccession,
  countCoIssuers,
  type CoIssuance,
} from './statements.ts';
import { identifiersOf } from './verdict.ts';

/** Commands, for one wallet and network. */
export function statementCommands(context: IdentityContext) {
  return {
    /** Signs, as one of a group, that one stands behind the identity in a file as well. */
    async coIssue(input: {
      did: string;
      file: Uint8Array;
      group: string[];
      threshold: number;
    }): Promise<string> {
      if (!input.group.includes(input.did) || input.threshold > input.group.length || input.threshold < 1)
        throw new Refusal(
          'co-issuance',
          'the group does not fit',
          'You have to be one of the group yourself.',
        );
      const chain = readChain(input.file);
      const subject = { did: context.didOf(chain), tbs: subjectOf(chain).tbs };
      const key = await context.keyOf(input.did);
      return attestCoIssuance(key, input.did, subject, input.group, input.threshold, context.seconds);
    },

    /** How many stand behind the identity in a file; statements of those who are revoked do not count. */
    async coIssuers(input: { file: Uint8Array; statements: string[] }): Promise<CoIssuance> {
      const chain = readChain(input.file);
      const issuer = identifiersOf(chain).at(-2);
      if (issuer === undefined)
        throw new Refusal('co-issuance', 'a root', 'This identity vouches for itself: nobody issued it.');
      const keys = await context.issuerKeys(input.statements);
      const dead = new Set<string>();
      for (const { value } of context.identities())
        if (value.role !== 'pending' && (await context.isDead(value.did, null))) dead.add(value.did);
      const subject = {
        did: context.didOf(chain),
        tbs: subjectOf(chain).tbs,
        issuer: formatDid({ network: context.network, id: issuer }),
      };
      return countCoIssuers(subject, input.statements, {
        now: context.seconds,
        issuerKey: (iss, header) => (dead.has(iss) ? null : keys(iss, header)),
      });
    },

    /** Says, by the old identity and the new, that one follows the other: two statements that belong together. */
    async succeed(input: { from: string; to: string }): Promise<{ byOld: string; byNew: string }> {
      if (input.from === input.to)
        throw new Refusal('succession', 'one identity', 'An identity cannot follow itself.');
      const [old, next] = [await context.keyOf(input.from), await context.keyOf(input.to)];
      return {
        byOld: await attestSuccession(old, input.from, input.from, input.to, context.seconds),
        byNew: await attestSuccession(next, input.to, input.from, input.to, context.seconds),
      };
    },

    /** Who follows whom by two statements. Throws Refusal `succession` if they do not belong together. */
    async checkSuccession(input: {
      byOld: string;
      byNew: string;
    }): Promise<{ predecessor: string; successor: string }> {
      const { byOld, byNew } = input;
      const issuerKey = await context.issuerKeys([byOld, byNew]);
      const found = checkSuccession(byOld, byNew, { now: context.seconds, issuerKey });
      if (found === null)
        throw new Refusal(
          'succession',
          'they differ',
          'These statements do not say the same, or one is missing.',
        );
      return found;
    },
  };
}
