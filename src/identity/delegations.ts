/** Permissions as the wallet keeps them, and what they rest on. */
import { Refusal } from '../wallet/errors.ts';
import { certificatesOf } from './agent-file.ts';
import { countTotals, type UsedTotals } from './agent.ts';
import { decodeCapability, tokenName, type Capability, type CapabilityRequest } from './capability.ts';
import type { IdentityContext, Resolved } from './context.ts';

const USED_TOTALS = 'capability-totals';

export interface DelegationRecord {
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

/** Permissions in one wallet. */
export function delegationBook(context: IdentityContext) {
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
      used: { ...used()[tokenName(last)] },
    };
  };

  const idOf = ({ chain }: Pick<DelegationRecord, 'chain'>): string =>
    `delegation-${decodeCapability(chain.at(-1)!).jti}`;

  const keep = (record: DelegationRecord): Promise<void> => context.put(idOf(record), 'delegation', record);

  /**
   * Keeps permissions that came in. Throws Refusal `delegation-exists`, and keeps none, if the id of one is taken: in the
   * place of one that was taken back it would bring that one back.
   */
  const takeIn = async (records: readonly DelegationRecord[]): Promise<void> => {
    const ids = records.map(idOf);
    const taken = ids.find((id, at) => ids.indexOf(id) < at || context.get(id, 'delegation') !== null);
    if (taken !== undefined)
      throw new Refusal('delegation-exists', taken, 'A permission of this id is in the wallet already.');
    for (const record of records) await keep(record);
  };

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

  /** Writes down what was used of totals. */
  const countUse = (chain: readonly string[], request: CapabilityRequest): Promise<void> =>
    context.put(USED_TOTALS, 'setting', countTotals(chain, request, used()));

  return { view, keep, takeIn, find, certificatesFor, countUse };
}

/**
 * Keys of everybody in a chain of tokens, as far as they can be relied on.
 */
export async function collectKeys(
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

/** Tokens that were taken back, as `tokenName` names them: in this wallet, or by lists of their issuers that came in. */
export function takenBack(context: IdentityContext): Set<string> {
  const own = context
    .list<DelegationRecord>('delegation')
    .filter(({ value }) => value.revoked)
    .map(({ value }) => tokenName(decodeCapability(value.chain.at(-1)!)));
  const others = context
    .list<{ issuer: string; tokenIds: string[] }>('setting')
    .filter(({ id }) => id.startsWith('taken-back-'))
    .flatMap(({ value: { issuer, tokenIds } }) => tokenIds.map((jti) => tokenName({ iss: issuer, jti })));
  return new Set([...own, ...others]);
}
