/** Commands for what identities say of each other: co-issuance and succession. */
import * as v from 'valibot';
import { Refusal } from '../wallet/errors.ts';
import { parseJson, shaped } from '../wallet/json.ts';
import { readChain, subjectOf, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { formatDid, parseDid } from './did.ts';
import { changeStatus, listNamedBy, statusReader, statusUri, takeStatusIndex } from './status-book.ts';
import {
  attestCoIssuance,
  attestSuccession,
  checkSuccession,
  coIssuanceOf,
  countCoIssuers,
  type CoIssuance,
} from './statements.ts';
import { identifiersOf } from './verdict.ts';
import { isDead } from './standing.ts';

const MAX_KEPT = 64;

const successionSchema = v.strictObject({
  byOld: v.pipe(v.string(), v.maxLength(100_000)),
  byNew: v.pipe(v.string(), v.maxLength(100_000)),
});

/** What others say of an identity, as far as this wallet was told. */
export interface StatementsView {
  coIssuance: CoIssuance;
  /** Identity that follows this one, and the one that this one follows. */
  successor: string | null;
  predecessor: string | null;
}

/** A co-issuance that one signed. */
export interface CoIssuedView {
  /** Who stands behind it, of one's own. */
  did: string;
  subject: string;
  withdrawn: boolean;
}

interface CoIssuedRecord extends CoIssuedView {
  index: number;
}

const attestationsId = (subject: string) => `co-issuance-${subject}`;
const coIssuedId = (did: string, subject: string) => `co-issued-${did}-${subject}`;
const successionId = (predecessor: string) => `succession-${predecessor}`;

/** Commands, for one wallet and network. */
export function statementCommands(context: IdentityContext) {
  /** How attestations are checked: by the keys and lists of those who signed them, as far as these still count. */
  const howToCheck = async (attestations: readonly string[]) => {
    const keys = await context.issuerKeys(attestations);
    const dead = new Set<string>();
    for (const issuer of new Set(attestations.map((one) => listNamedBy(one.split('~')[0]!).issuer)))
      if (await isDead(context, issuer, null)) dead.add(issuer);
    return {
      now: context.seconds,
      issuerKey: (iss: string, header: Parameters<typeof keys>[1]) =>
        dead.has(iss) ? null : keys(iss, header),
      status: await statusReader(context),
    };
  };

  const count = async (chain: Chain, did: string, attestations: readonly string[]): Promise<CoIssuance> => {
    const issuer = identifiersOf(chain).at(-2);
    if (issuer === undefined) return { kind: 'none' };
    // The issuer is of the same network as the identity that it issued.
    const network = parseDid(did)?.network ?? null;
    const subject = { did, tbs: subjectOf(chain).tbs, issuer: formatDid({ network, id: issuer }) };
    return countCoIssuers(subject, attestations, await howToCheck(attestations));
  };

  const kept = (subject: string): string[] =>
    context.get<{ attestations: string[] }>(attestationsId(subject), 'setting')?.attestations ?? [];

  const keepAttestation = async (attestation: string): Promise<string> => {
    const { subject } = coIssuanceOf(attestation, {
      ...(await howToCheck([attestation])),
      status: () => 'valid',
    });
    if (context.known(subject) === null)
      throw new Refusal(
        'co-issuance',
        subject,
        'This is about an identity that you do not know. Add it first.',
      );
    const attestations = [...new Set([...kept(subject), attestation])];
    if (attestations.length > MAX_KEPT)
      throw new Refusal('co-issuance', `${attestations.length} of them`, 'These are too many statements.');
    await context.put(attestationsId(subject), 'setting', { attestations });
    return subject;
  };

  const keepSuccession = async (input: { byOld: string; byNew: string }) => {
    const { byOld, byNew } = input;
    const issuerKey = await context.issuerKeys([byOld, byNew]);
    const found = checkSuccession(byOld, byNew, { now: context.seconds, issuerKey });
    if (found === null)
      throw new Refusal(
        'succession',
        'they differ',
        'These statements do not say the same, or one is missing.',
      );
    await context.put(successionId(found.predecessor), 'setting', { ...found, byOld, byNew });
    return found;
  };

  return {
    /** Signs, as one of a group, that one stands behind the identity in a file as well. It can be withdrawn. */
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
          'You have to be one of the group yourself, and no more can be needed than it has.',
        );
      const { did, group, threshold } = input;
      const chain = readChain(input.file);
      const subject = { did: context.didOf(chain), tbs: subjectOf(chain).tbs };
      const key = await context.keyOf(did);
      const index = await takeStatusIndex(context, context.own(did), []);
      const status = { uri: statusUri(did), idx: index };
      const record: CoIssuedRecord = { did, subject: subject.did, withdrawn: false, index };
      await context.put(coIssuedId(did, subject.did), 'setting', record);
      return attestCoIssuance(key, did, subject, group, threshold, context.seconds, status);
    },

    /** Identities that one stands behind as one of several. */
    async coIssued(): Promise<CoIssuedView[]> {
      return context
        .list<CoIssuedRecord>('setting')
        .filter(({ id }) => id.startsWith('co-issued-'))
        .map(({ value: { did, subject, withdrawn } }) => ({ did, subject, withdrawn }));
    },

    /** Stands behind an identity no longer; one's list of revocations says so from now on. */
    async withdrawCoIssuance(input: { did: string; subject: string }): Promise<void> {
      const id = coIssuedId(input.did, input.subject);
      const record = context.get<CoIssuedRecord>(id, 'setting');
      if (record === null)
        throw new Refusal(
          'co-issuance',
          input.subject.slice(0, 100),
          'You do not stand behind this identity.',
        );
      await changeStatus(context, record.did, record.index, 'revoked');
      await context.put(id, 'setting', { ...record, withdrawn: true });
    },

    /** How many stand behind the identity in a file; statements that were withdrawn, or of the revoked, do not count. */
    async coIssuers(input: { file: Uint8Array; statements: string[] }): Promise<CoIssuance> {
      const chain = readChain(input.file);
      if (chain.length === 1)
        throw new Refusal('co-issuance', 'a root', 'This identity vouches for itself: nobody issued it.');
      return count(chain, context.didOf(chain), input.statements);
    },

    /**
     * Takes in what others say of identities: an attestation of co-issuance, or the two statements of a succession
     * (JSON). Returns the identity that it is about. Throws the Refusal of the check that fails.
     */
    async addStatement(input: { text: string }): Promise<{ subject: string }> {
      const text = input.text.trim();
      if (!text.startsWith('{')) return { subject: await keepAttestation(text) };
      const both = shaped(successionSchema, parseJson(text, 'succession'), 'succession');
      return { subject: (await keepSuccession(both)).predecessor };
    },

    /** What others say of a known identity. */
    async statementsOf(input: { did: string }): Promise<StatementsView> {
      const known = context.known(input.did);
      const attestations = kept(input.did);
      const successions = context
        .list<{ predecessor: string; successor: string }>('setting')
        .filter(({ id }) => id.startsWith(successionId('')))
        .map(({ value }) => value);
      return {
        coIssuance:
          known === null || attestations.length === 0
            ? { kind: 'none' }
            : await count(context.chainOf(known), known.did, attestations),
        successor: successions.find(({ predecessor }) => predecessor === input.did)?.successor ?? null,
        predecessor: successions.find(({ successor }) => successor === input.did)?.predecessor ?? null,
      };
    },

    /** Says, by the old identity and the new, that one follows the other: two statements that belong together. */
    async succeed(input: { from: string; to: string }): Promise<{ byOld: string; byNew: string }> {
      if (input.from === input.to)
        throw new Refusal('succession', 'one identity', 'An identity cannot follow itself.');
      const [old, next] = [await context.keyOf(input.from), await context.keyOf(input.to)];
      const both = {
        byOld: await attestSuccession(old, input.from, input.from, input.to, context.seconds),
        byNew: await attestSuccession(next, input.to, input.from, input.to, context.seconds),
      };
      await keepSuccession(both);
      return both;
    },

    /** Who follows whom by two statements. Throws Refusal `succession` if they do not belong together. */
    checkSuccession(input: {
      byOld: string;
      byNew: string;
    }): Promise<{ predecessor: string; successor: string }> {
      return keepSuccession(input);
    },
  };
}
