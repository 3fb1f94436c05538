/** Commands of agents: give powers, pass them on, use them, judge their use, take them back. */
import * as v from 'valibot';
import { randomBytes } from '../crypto/random.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import {
  auditDamage,
  authenticate,
  checkAuthentication,
  checkInvocation,
  checkRevocations,
  countTotals,
  nextAuditEntry,
  signRevocations,
  type AuditEntry,
  type UsedTotals,
} from './agent.ts';
import {
  checkCapability,
  decodeCapability,
  signCapability,
  type Capability,
  type CapabilityRequest,
  type CapabilityVerdict,
} from './capability.ts';
import {
  certificatesOf,
  decodeAgentFile,
  encodeAgentFile,
  grantSchema,
  invocationFileSchema,
  signedUse,
  tokensSchema,
} from './agent-file.ts';
import { subjectOf } from './chain.ts';
import { storedChain, type IdentityContext, type Resolved } from './context.ts';
import { issueLeaf, pkcs8Of, verdictView, type VerdictView } from './identity-commands.ts';
import { publicKeyInfoOf, type Jwk } from './keys.ts';
import { commonNameText } from './certificate.ts';

const DAY_S = 86_400;
const TOKEN_ID_BYTES = 16;
const NONCE_BYTES = 24;
const CLOCK_SLACK_S = 60;
const USED_TOTALS = 'capability-totals';

interface DelegationRecord {
  /** Tokens, the principal's first. */
  chain: string[];
  /** `given`: by an identity of one's own to the last token's delegate; `held`: for one of one's own. */
  direction: 'given' | 'held';
  label: string;
  revoked: boolean;
  /** Certificates of everybody in the chain, by DID, DERs base64url. */
  certificates: Record<string, string[]>;
}

export interface DelegationView {
  /** Id of the last token. */
  id: string;
  label: string;
  direction: 'given' | 'held';
  from: string;
  to: string;
  /** Whose authority it is. */
  principal: string;
  capabilities: Capability[];
  /** Seconds since the epoch. */
  notBefore: number;
  expires: number;
  /** How many more times it may be passed on. */
  depth: number;
  revoked: boolean;
  /** Amounts used of its totals, by resource. */
  used: Record<string, string>;
}

/** Commands, for one wallet and network. */
export function agentCommands(context: IdentityContext) {
  const used = (): UsedTotals => context.get<UsedTotals>(USED_TOTALS, 'setting') ?? {};

  const view = (record: DelegationRecord): DelegationView => {
    const last = decodeCapability(record.chain.at(-1)!);
    return {
      id: last.jti,
      label: record.label,
      direction: record.direction,
      from: last.iss,
      to: last.aud,
      principal: last.sub,
      capabilities: last.cap,
      notBefore: last.nbf,
      expires: last.exp,
      depth: last.dep,
      revoked: record.revoked,
      used: { ...used()[last.jti] },
    };
  };

  const keep = (record: DelegationRecord): Promise<void> =>
    context.put(`delegation-${decodeCapability(record.chain.at(-1)!).jti}`, 'delegation', record);

  const find = (id: string): DelegationRecord => {
    const found = context.get<DelegationRecord>(`delegation-${id}`, 'delegation');
    if (found === null)
      throw new Refusal('unknown-delegation', id.slice(0, 80), 'This permission is not in the wallet.');
    return found;
  };

  /** Certificates that travel with tokens: of everyone that is known. */
  const certificatesFor = (tokens: readonly string[], kept: Record<string, string[]>) => {
    const found: Record<string, string[]> = { ...kept };
    for (const { iss, aud } of tokens.map(decodeCapability)) {
      for (const did of [iss, aud]) {
        const known = context.known(did);
        if (known !== null) found[did] = known.chain;
      }
    }
    return found;
  };

  const signToken = async (
    from: string,
    to: string,
    input: { capabilities: Capability[]; days: number; depth: number },
    parent: { chain: readonly string[] } | null,
  ): Promise<string> => {
    const above = parent === null ? null : decodeCapability(parent.chain.at(-1)!);
    const now = context.seconds;
    const exp = now + Math.round(input.days * DAY_S);
    const payload = {
      iss: from,
      aud: to,
      sub: above?.sub ?? from,
      jti: toHex(randomBytes(TOKEN_ID_BYTES)),
      nbf: Math.max(now - CLOCK_SLACK_S, above?.nbf ?? 0),
      exp: above === null ? exp : Math.min(exp, above.exp),
      dep: input.depth,
      cap: input.capabilities,
    };
    return signCapability(await context.keyOf(from), payload, parent?.chain.at(-1) ?? null);
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

  return {
    /**
     * Makes an agent under an identity of one's own: a leaf identity whose key is of the recovery phrase, and a
     * permission for it.
     */
    async createAgent(input: {
      owner: string;
      name: string;
      purpose: string;
      capabilities: Capability[];
      days: number;
      depth?: number;
    }): Promise<DelegationView> {
      const source = await context.nextKey('ed25519');
      const key = await context.signingKey(source);
      const depth = input.depth ?? 0;
      const { chain } = await issueLeaf(context, input.owner, {
        commonName: input.name.normalize('NFC').trim(),
        publicKeyInfo: key.publicKeyInfo,
        purpose: input.purpose.trim(),
        days: Math.max(1, Math.ceil(input.days)),
        mayIssue: false,
      });
      const did = context.didOf(chain);
      await context.putIdentity({
        role: 'own',
        did,
        name: commonNameText(subjectOf(chain).tbs),
        key: source,
        chain: storedChain(chain),
        created: context.now(),
        purpose: input.purpose.trim(),
        issued: [],
        credentialsIssued: 0,
        deactivated: false,
      });
      const token = await signToken(input.owner, did, { ...input, depth }, null);
      const record: DelegationRecord = {
        chain: [token],
        direction: 'given',
        label: input.name.trim(),
        revoked: false,
        certificates: certificatesFor([token], {}),
      };
      await keep(record);
      return view(record);
    },

    /** Gives an identity a permission, of one's own authority or passed on from one that is held. */
    async delegate(input: {
      from: string;
      to: string;
      label: string;
      capabilities: Capability[];
      days: number;
      depth?: number;
      parent?: string;
    }): Promise<DelegationView & { grant: string }> {
      const parent = input.parent === undefined ? null : find(input.parent);
      const token = await signToken(input.from, input.to, { ...input, depth: input.depth ?? 0 }, parent);
      const chain = [...(parent?.chain ?? []), token];
      const certificates = certificatesFor(chain, parent?.certificates ?? {});
      const record: DelegationRecord = {
        chain,
        direction: 'given',
        label: input.label.trim(),
        revoked: false,
        certificates,
      };
      await keep(record);
      return { ...view(record), grant: JSON.stringify({ v: 1, tokens: chain, certificates }) };
    },

    /** Takes in a permission that somebody gave to an identity of one's own. */
    async acceptGrant(input: { grant: string; label: string }): Promise<DelegationView> {
      const { tokens, certificates } = shaped(grantSchema, parseJson(input.grant, 'grant'), 'grant');
      const last = decodeCapability(tokens.at(-1)!);
      context.own(last.aud);
      const keys = await collectKeys(context, tokens, certificates);
      const [cap] = last.cap;
      const verdict = checkCapability({
        chain: tokens,
        holder: last.aud,
        rootAuthority: last.sub,
        request: { res: cap!.res, act: cap!.act[0]! },
        now: Math.max(context.seconds, last.nbf),
        revokedDids: new Set(),
        keyOf: (did) => keys.get(did)?.key ?? null,
      });
      if (verdict !== 'ok')
        throw new Refusal(`capability-${verdict}`, 'the grant', CAPABILITY_SENTENCES[verdict]);
      const record: DelegationRecord = {
        chain: tokens,
        direction: 'held',
        label: input.label.trim(),
        revoked: false,
        certificates,
      };
      await keep(record);
      return view(record);
    },

    /** Permissions given and held. */
    async delegations(): Promise<DelegationView[]> {
      return context.list<DelegationRecord>('delegation').map(({ value }) => view(value));
    },

    /** Takes a permission back, in this wallet at once; the signed list tells others. */
    async revokeDelegation(input: { id: string }): Promise<{ list: string }> {
      const record = find(input.id);
      const { iss } = decodeCapability(record.chain.at(-1)!);
      context.own(iss);
      await keep({ ...record, revoked: true });
      const ids = context
        .list<DelegationRecord>('delegation')
        .filter(({ value }) => value.revoked)
        .map(({ value }) => decodeCapability(value.chain.at(-1)!))
        .filter((payload) => payload.iss === iss)
        .map(({ jti }) => jti);
      return { list: await signRevocations(await context.keyOf(iss), iss, ids, context.seconds) };
    },

    /** Takes in somebody's signed list of permissions that no longer hold. */
    async importRevocations(input: { list: string }): Promise<{ issuer: string; count: number }> {
      const { issuer, tokenIds } = checkRevocations(input.list.trim(), (did) => context.publicKeyOf(did));
      await context.put(`taken-back-${issuer}`, 'setting', { issuer, tokenIds });
      return { issuer, count: tokenIds.length };
    },

    /** A file with which an agent works elsewhere: identity, key under a password, permissions. */
    async exportAgent(input: { did: string; password: string }): Promise<Uint8Array> {
      const { did, name, chain, key } = context.own(input.did);
      const grants = context
        .list<DelegationRecord>('delegation')
        .filter(({ value }) => !value.revoked && decodeCapability(value.chain.at(-1)!).aud === did)
        .map(({ value }) => ({ v: 1 as const, tokens: value.chain, certificates: value.certificates }));
      return encodeAgentFile({ did, name, chain, grants, pkcs8: pkcs8Of(context, key) }, input.password);
    },

    /** Takes in an agent's file: its identity becomes one's own here. */
    async importAgent(input: {
      file: Uint8Array;
      password: string;
    }): Promise<{ did: string; grants: number }> {
      const file = await decodeAgentFile(input.file, input.password);
      const { certificates } = await context.judge(certificatesOf(file.chain));
      if (certificates !== 'ok')
        throw new Refusal('certificate-chain', certificates, 'The agent’s certificates do not hold.');
      if (context.known(file.did)?.role === 'own')
        throw new Refusal('identity-exists', file.did, 'This agent is in the wallet already.');
      await context.putIdentity({
        role: 'own',
        did: file.did,
        name: file.name,
        key: await context.keepKey(file.pkcs8),
        chain: file.chain,
        created: context.now(),
        purpose: 'agent',
        issued: [],
        credentialsIssued: 0,
        deactivated: false,
      });
      for (const { tokens, certificates: certs } of file.grants) {
        await keep({
          chain: tokens,
          direction: 'held',
          label: file.name,
          revoked: false,
          certificates: certs,
        });
      }
      return { did: file.did, grants: file.grants.length };
    },

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
    async useDelegation(input: {
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
     * named), counts its totals and writes it to the log. Throws Refusal for what cannot even be read.
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
      /** What the agent's identity is worth; null if its certificates did not come along. */
      standing: VerdictView | null;
    }> {
      const file = shaped(invocationFileSchema, parseJson(input.invocation, 'invocation'), 'invocation');
      const tokens = tokensOf(file.invocation);
      const keys = await collectKeys(context, tokens, file.certificates);
      const keyOf = (did: string): Jwk | null => keys.get(did)?.key ?? null;
      const challenge = { audience: input.audience, nonce: input.nonce, now: context.seconds };
      const { iss: agent, chain, request: asked } = checkInvocation(file.invocation, challenge, keyOf);
      const request: CapabilityRequest = {
        res: asked.res,
        act: asked.act,
        ...(asked.use === undefined ? {} : { use: asked.use }),
      };
      const dead = new Set<string>();
      for (const [did, { chain: certificates }] of keys)
        if (await context.isDead(did, certificates)) dead.add(did);
      let verdict: CapabilityVerdict | 'limit-exhausted' = checkCapability({
        chain,
        holder: agent,
        rootAuthority: input.authority,
        request,
        now: context.seconds,
        revokedDids: dead,
        revokedTokens: takenBack(context),
        keyOf,
      });
      if (verdict === 'ok') {
        try {
          await context.put(USED_TOTALS, 'setting', countTotals(chain, request, used()));
        } catch (error) {
          if (!(error instanceof ProtocolError) || error.code !== 'limit-exhausted') throw error;
          verdict = 'limit-exhausted';
        }
      }
      await note(agent, request, verdict);
      const certificates = keys.get(agent)?.chain ?? null;
      const standing = certificates === null ? null : await verdictView(context, certificates);
      return { verdict, agent, request, sentence: CAPABILITY_SENTENCES[verdict], standing };
    },

    /** What agents asked for and what came of it, oldest first; `damagedAt` names the first entry that was changed. */
    async auditLog(): Promise<{ entries: AuditEntry[]; head: string | null; damagedAt: number | null }> {
      const entries = audit();
      return { entries, head: entries.at(-1)?.hash ?? null, damagedAt: auditDamage(entries) };
    },
  };
}

/** What a verdict on a use means, for the person. */
export const CAPABILITY_SENTENCES: Record<CapabilityVerdict | 'limit-exhausted', string> = {
  ok: 'The agent may do this.',
  'bad-signature': 'A permission in the chain is not signed by who it says, or that identity is not known.',
  'broken-chain': 'The permissions do not lead from you to this agent.',
  'not-attenuated': 'Somebody passed on more than they had.',
  'not-yet-valid': 'The permission is not valid yet.',
  expired: 'The permission has expired.',
  revoked: 'The permission, or an identity it rests on, was revoked.',
  'not-covered': 'The agent is not allowed to do this.',
  'limit-exhausted': 'The agent has used up what it was allowed.',
};

/** Tokens of an invocation, before anything is verified. */
function tokensOf(invocation: string): string[] {
  const [, payload = ''] = invocation.split('.');
  const value = parseJson(new TextDecoder().decode(fromBase64Url(payload, 'invocation')), 'invocation');
  const { chain } = shaped(v.looseObject({ chain: tokensSchema }), value, 'invocation');
  return chain;
}

/**
 * Keys of everybody in a chain of tokens, as far as they can be relied on.
 */
async function collectKeys(
  context: IdentityContext,
  tokens: readonly string[],
  certificates: Readonly<Record<string, string[]>>,
): Promise<Map<string, Resolved>> {
  const offered = Object.values(certificates).map(certificatesOf);
  const keys = new Map<string, Resolved>();
  for (const { iss, aud } of tokens.map(decodeCapability)) {
    for (const did of [iss, aud]) {
      const resolved = keys.has(did) ? null : await context.resolve(did, offered);
      if (resolved !== null) keys.set(did, resolved);
    }
  }
  return keys;
}

/** Ids of tokens that were taken back: in this wallet, or by lists that came in. */
function takenBack(context: IdentityContext): Set<string> {
  const own = context
    .list<DelegationRecord>('delegation')
    .filter(({ value }) => value.revoked)
    .map(({ value }) => decodeCapability(value.chain.at(-1)!).jti);
  const others = context
    .list<{ tokenIds: string[] }>('setting')
    .filter(({ id }) => id.startsWith('taken-back-'))
    .flatMap(({ value }) => value.tokenIds);
  return new Set([...own, ...others]);
}
