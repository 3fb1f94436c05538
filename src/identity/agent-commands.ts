/** Commands of agents: give powers, pass them on, take them back. */
import { randomBytes } from '../crypto/random.ts';
import { toHex } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { parseJson, shaped } from '../wallet/json.ts';
import { certificatesOf, decodeAgentFile, encodeAgentFile, grantSchema } from './agent-file.ts';
import { checkRevocations, signRevocations } from './agent.ts';
import {
  CAPABILITY_SENTENCES,
  checkCapability,
  decodeCapability,
  signCapability,
  type Capability,
} from './capability.ts';
import { commonNameText } from './certificate.ts';
import { subjectOf } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { collectKeys, delegationBook, type DelegationRecord, type DelegationView } from './delegations.ts';
import { storedChain } from './identity-records.ts';
import { issueLeaf } from './issue-leaf.ts';

const DAY_S = 86_400;
const TOKEN_ID_BYTES = 16;
const CLOCK_SLACK_S = 60;

/** Commands, for one wallet and network. */
export function agentCommands(context: IdentityContext) {
  const { view, keep, takeIn, find, certificatesFor } = delegationBook(context);

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

    /** Takes in a permission that somebody gave to an identity of one's own. Throws Refusal `delegation-exists`. */
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
      await takeIn([record]);
      return view(record);
    },

    /** Permissions given and held. */
    async delegations(): Promise<DelegationView[]> {
      return context.list<DelegationRecord>('delegation').map(({ value }) => view(value));
    },

    /** Takes a permission back, in this wallet at once; the signed list tells others, and is made anew when asked. */
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
      const id = `taken-back-${issuer}`;
      // What was taken back stays so, though an older list may come in later.
      const known = context.get<{ tokenIds: string[] }>(id, 'setting')?.tokenIds ?? [];
      await context.put(id, 'setting', { issuer, tokenIds: [...new Set([...known, ...tokenIds])] });
      return { issuer, count: tokenIds.length };
    },

    /** A file with which an agent works elsewhere: identity, key under a password, permissions. */
    async exportAgent(input: { did: string; password: string }): Promise<Uint8Array> {
      const { did, name, chain, key } = context.own(input.did);
      const grants = context
        .list<DelegationRecord>('delegation')
        .filter(({ value }) => !value.revoked && decodeCapability(value.chain.at(-1)!).aud === did)
        .map(({ value }) => ({ v: 1 as const, tokens: value.chain, certificates: value.certificates }));
      return encodeAgentFile({ did, name, chain, grants, pkcs8: context.pkcs8Of(key) }, input.password);
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
      await takeIn(
        file.grants.map(({ tokens, certificates: certs }) => ({
          chain: tokens,
          direction: 'held',
          label: file.name,
          revoked: false,
          certificates: certs,
        })),
      );
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
      return { did: file.did, grants: file.grants.length };
    },
  };
}
