/** Commands for what agents do: prove who they are, use permissions, have their use judged and written down. */
import * as v from 'valibot';
import { InOrder } from '../async/in-order.ts';
import { randomBytes } from '../crypto/random.ts';
import { equal } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import { invocationFileSchema, signedUse, tokensSchema } from './agent-file.ts';
import {
  auditDamage,
  authenticate,
  checkAuthentication,
  checkInvocation,
  CLOCK_SKEW_S,
  MAX_AGE_S,
  nextAuditEntry,
  type AuditEntry,
} from './agent.ts';
import {
  CAPABILITY_SENTENCES,
  checkCapability,
  decodeCapability,
  type CapabilityRequest,
  type CapabilityVerdict,
} from './capability.ts';
import { subjectOf } from './chain.ts';
import type { IdentityContext, Judgement } from './context.ts';
import { collectKeys, delegationBook, takenBack } from './delegations.ts';
import { heldChain } from './held-chain.ts';
import { judgementView, verdictView, type VerdictView } from './identity-view.ts';
import { publicKeyInfoOf, type Jwk } from './keys.ts';
import type { JudgedChain } from './verdict.ts';
import { isDead } from './standing.ts';

const NONCE_BYTES = 24;

/** Commands, for one wallet and network. */
export function agentUseCommands(context: IdentityContext) {
  const { find, certificatesFor, countUse } = delegationBook(context);

  /** Questions whose answer was judged, with the second from which on no answer to them is taken anyway. */
  const spent = new Map<string, number>();

  /** Throws Refusal `nonce` for a question that was spent before: its totals would count twice. */
  const spend = (nonce: string): void => {
    for (const [old, until] of spent) if (until < context.seconds) spent.delete(old);
    if (spent.has(nonce))
      throw new Refusal(
        'nonce',
        'judged before',
        'The answer to this question was judged already. Ask a new question for another use.',
      );
    spent.set(nonce, context.seconds + MAX_AGE_S + CLOCK_SKEW_S);
  };

  const audit = (): AuditEntry[] =>
    context
      .list<AuditEntry>('setting')
      .filter(({ id }) => id.startsWith('audit-'))
      .map(({ value }) => value)
      .sort((a, b) => a.sequence - b.sequence);

  const note = async (agent: string, request: CapabilityRequest, outcome: string): Promise<void> => {
    const entry = nextAuditEntry(audit().at(-1) ?? null, { at: context.seconds, agent, request, outcome });
    await context.put(`audit-${String(entry.sequence).padStart(10, '0')}`, 'setting', entry);
  };

  /** Uses are counted and noted one after the other, each on top of the one before. */
  const writing = new InOrder();

  const writeDown = async (
    agent: string,
    chain: readonly string[],
    request: CapabilityRequest,
    covered: CapabilityVerdict,
  ): Promise<CapabilityVerdict | 'limit-exhausted'> => {
    let verdict: CapabilityVerdict | 'limit-exhausted' = covered;
    if (covered === 'ok') {
      try {
        await countUse(chain, request);
      } catch (error) {
        if (!(error instanceof ProtocolError) || error.code !== 'limit-exhausted') throw error;
        verdict = 'limit-exhausted';
      }
    }
    await note(agent, request, verdict);
    return verdict;
  };

  return {
    /** A question for an agent or a person to answer with a signature. */
    async newChallenge(): Promise<string> {
      return toBase64Url(randomBytes(NONCE_BYTES));
    },

    /** Proves the control of an identity to whoever asked with a nonce. */
    async authenticate(input: { did: string; audience: string; nonce: string }): Promise<string> {
      const identity = context.own(input.did);
      const challenge = { audience: input.audience, nonce: input.nonce, now: context.seconds };
      return authenticate(
        await context.signingKey(identity.key),
        identity.did,
        context.chainOf(identity),
        challenge,
      );
    },

    /** Who answered a challenge, and what that identity is worth. */
    async checkAuthentication(input: {
      answer: string;
      audience: string;
      nonce: string;
    }): Promise<{ did: string; verdict: VerdictView }> {
      const challenge = { audience: input.audience, nonce: input.nonce, now: context.seconds };
      const { did, chain } = checkAuthentication(input.answer.trim(), challenge);
      const resolved = await context.resolve(did, [chain]);
      if (resolved === null || !equal(publicKeyInfoOf(resolved.key), subjectOf(chain).tbs.publicKeyInfo))
        throw new Refusal(
          'issuer-key',
          `no such key of ${did}`,
          'This identity is not known, nor does its name prove its key.',
        );
      return { did, verdict: await verdictView(context, chain) };
    },

    /** Uses a permission: a signed request (JSON) with the certificates that it rests on. */
    async invokeDelegation(input: {
      id: string;
      request: CapabilityRequest;
      audience: string;
      nonce: string;
    }): Promise<string> {
      const record = find(input.id);
      const { aud } = decodeCapability(record.chain.at(-1)!);
      const challenge = { audience: input.audience, nonce: input.nonce, now: context.seconds };
      const certificates = certificatesFor(record.chain, record.certificates);
      const grant = { v: 1 as const, tokens: record.chain, certificates };
      return signedUse(await context.keyOf(aud), aud, grant, input.request, challenge);
    },

    /**
     * Judges an agent's signed request under the authority of one of one's own identities (or another one that is
     * named), counts its totals and writes it to the log; once for each question. Throws Refusal for what cannot even
     * be read, `nonce` for what was judged before.
     */
    async checkUse(input: {
      invocation: string;
      authority: string;
      audience: string;
      nonce: string;
    }): Promise<{
      verdict: CapabilityVerdict | 'limit-exhausted';
      agent: string;
      request: CapabilityRequest;
      sentence: string;
      /** What the agent's identity is worth; null if neither its certificates nor the registry tell. */
      standing: VerdictView | null;
    }> {
      const file = shaped(invocationFileSchema, parseJson(input.invocation, 'invocation'), 'invocation');
      const tokens = tokensOf(file.invocation);
      const keys = await collectKeys(context, tokens, file.certificates);
      const keyOf = (did: string): Jwk | null => keys.get(did)?.key ?? null;
      const challenge = { audience: input.audience, nonce: input.nonce, now: context.seconds };
      const { iss: agent, chain, request: asked } = checkInvocation(file.invocation, challenge, keyOf);
      spend(input.nonce);
      const request: CapabilityRequest = {
        res: asked.res,
        act: asked.act,
        ...(asked.use === undefined ? {} : { use: asked.use }),
      };
      // One look at each: what is said of the agent is what it was judged by.
      const judged = new Map<string, { line: JudgedChain; judgement: Judgement }>();
      const dead = new Set<string>();
      for (const [did, { chain: certificates }] of keys) {
        const line = certificates ?? (await heldChain(context, did));
        const whole = typeof line === 'string' ? null : line;
        if (whole !== null) judged.set(did, { line: whole, judgement: await context.judge(whole) });
        if (whole !== line || (await isDead(context, did, whole, judged.get(did)?.judgement))) dead.add(did);
      }
      const covered = checkCapability({
        chain,
        holder: agent,
        rootAuthority: input.authority,
        request,
        now: context.seconds,
        revokedDids: dead,
        revokedTokens: takenBack(context),
        keyOf,
      });
      const verdict = await writing.run(() => writeDown(agent, chain, request, covered));
      const own = judged.get(agent);
      const standing = own === undefined ? null : judgementView(context, own.line, own.judgement);
      return { verdict, agent, request, sentence: CAPABILITY_SENTENCES[verdict], standing };
    },

    /** What agents asked for and what came of it, oldest first; `damagedAt` names the first entry that was changed. */
    async auditLog(): Promise<{ entries: AuditEntry[]; head: string | null; damagedAt: number | null }> {
      const entries = audit();
      return { entries, head: entries.at(-1)?.hash ?? null, damagedAt: auditDamage(entries) };
    },
  };
}

/** Tokens of an invocation, before anything is verified. */
function tokensOf(invocation: string): string[] {
  const [, payload = ''] = invocation.split('.');
  const value = parseJson(new TextDecoder().decode(fromBase64Url(payload, 'invocation')), 'invocation');
  const { chain } = shaped(v.looseObject({ chain: tokensSchema }), value, 'invocation');
  return chain;
}
