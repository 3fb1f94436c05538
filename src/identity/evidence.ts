/** Evidence of the Auto Score as the wallet keeps it, and what the chain itself gives of it. */
import { toHex } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import type { IdentityContext } from './context.ts';
import type { ProvenEvent } from './options.ts';
import { nullifierOf, type Evidence } from './score.ts';

const FARMING = 'network-farming';
const AGE = 'network-age';
/** Seconds that an account has to have been in use before its age says anything. */
const MIN_AGE_S = 90 * 86_400;
/** Quality of evidence that somebody other than the person stands behind. */
export const FULL_PPM = 1_000_000;
/**
 * Quality of a passport that this wallet checked itself: a state signed the data, but whoever was ever handed the passport
 * could have copied them, and nobody compared a face.
 */
export const LOCAL_PPM = 300_000;

/** Evidence as the wallet keeps it: what counts, and what tells the person where it is from. */
export interface EvidenceRecord extends Evidence {
  service: string;
  /** Credential of the wallet that it rests on, or null if the person entered it or the chain proves it. */
  credential: string | null;
  /** Block that proves it, of what the chain says; missing otherwise. */
  block?: number;
  /** Seconds since the epoch from which on an account is known to be used, of its age; missing otherwise. */
  since?: number;
  /** Of a passport checked here: name of the certificate that vouches for it, and the credential made of it, if any. */
  passport?: { signedBy: string; credential: string | null };
}

/** Every piece of evidence in a wallet. */
export function evidenceIn(context: IdentityContext): EvidenceRecord[] {
  return context.list<Omit<EvidenceRecord, 'id'>>('evidence').map(({ id, value }) => ({ ...value, id }));
}

/** Commands, for one wallet and network. */
export function chainEvidenceCommands(context: IdentityContext) {
  const requireOwn = async (account: string): Promise<void> => {
    const { accounts } = await context.wallet.status();
    if (!accounts.some(({ address, kind }) => address === account && kind === 'phrase'))
      throw new Refusal('not-own-account', account.slice(0, 60), 'This account is not one of yours.');
  };

  const kept = (type: string, account: string): EvidenceRecord | undefined => {
    const nullifier = toHex(nullifierOf(type, account));
    return evidenceIn(context).find((one) => one.type === type && one.nullifier === nullifier);
  };

  /** Keeps what the chain says of an account, in the place of what it said before. */
  const keep = async (
    type: string,
    account: string,
    { block }: ProvenEvent,
    times: Pick<EvidenceRecord, 'issued_at' | 'since'>,
  ): Promise<EvidenceRecord> => {
    const record: Omit<EvidenceRecord, 'id'> = {
      type,
      service: 'this network',
      nullifier: toHex(nullifierOf(type, account)),
      quality_ppm: FULL_PPM,
      ...times,
      expires_at: null,
      revoked: false,
      credential: null,
      block,
    };
    const id = kept(type, account)?.id ?? `evidence-${crypto.randomUUID()}`;
    await context.put(id, 'evidence', record);
    return { ...record, id };
  };

  return {
    /**
     * Takes the newest proven reward of farming to an account of the wallet as evidence, in the place of an older one.
     * Throws Refusal `not-own-account`, `no-reward`.
     */
    async addFarmingEvidence(input: { account: string }): Promise<EvidenceRecord> {
      await requireOwn(input.account);
      const reward = await context.lastReward(input.account);
      if (reward === null)
        throw new Refusal(
          'no-reward',
          input.account,
          'No reward of farming to this account is proven yet. Its history is looked through now: try again later.',
        );
      return keep(FARMING, input.account, reward, { issued_at: Math.floor(reward.at / 1000) });
    },

    /**
     * Takes it as evidence that an account of the wallet has been in use for long: a transaction that it signed in an old
     * block, by number; left out, the block that was proved before, or the oldest that this browser remembers. It counts
     * from now on, and fades until it is proved anew. Throws Refusal `not-own-account`, `no-use`, `too-young`; NoProof.
     */
    async addAgeEvidence(input: { account: string; block?: number }): Promise<EvidenceRecord> {
      await requireOwn(input.account);
      const { block = kept(AGE, input.account)?.block ?? null } = input;
      if (block !== null && (!Number.isSafeInteger(block) || block < 1))
        throw new Refusal('no-use', `block ${block}`, 'Name a block by its number.');
      const use = await context.accountUse(input.account, block);
      if (use === null)
        throw new Refusal(
          'no-use',
          input.account,
          block === null
            ? 'No transaction of this account is remembered here. Name the block of an early one.'
            : 'This account signed no transaction in that block.',
        );
      const since = Math.floor(use.at / 1000);
      if (context.seconds - since < MIN_AGE_S)
        throw new Refusal(
          'too-young',
          `since ${since}`,
          `That was on ${new Date(use.at).toISOString().slice(0, 10)}. Age counts from 90 days on.`,
        );
      return keep(AGE, input.account, use, { issued_at: context.seconds, since });
    },
  };
}
