/** Files that an agent signs away from the wallet, under a permission of its file. */
import { utf8 } from '../protocol/bytes.ts';
import { toBase64Url } from '../wallet/json.ts';
import { certificatesOf, grantFor, keyOfAgent, type AgentFile } from './agent-file.ts';
import { decodeCapability } from './capability.ts';
import { describeContent, signProvenance, type Origin } from './provenance.ts';

/** The permission that an agent needs. */
const SIGN_CONTENT = { res: 'auto:sign:content', act: 'sign' } as const;

/** A file that an agent signed. */
export interface AgentSigned {
  /** Whether `content` is the file itself with the signature inside, or the statement to keep beside it. */
  inside: boolean;
  content: Uint8Array;
  /** Id of the permission that it was signed under; the signature names it. */
  capability: string;
}

/**
 * Signs a file as an agent: inside media, beside all else. `now`: milliseconds since the epoch. Throws Refusal
 * `not-covered` where no permission allows it, `media-…`.
 */
export async function signAsAgent(
  agent: AgentFile,
  content: Uint8Array,
  said: { origin: Origin; tool?: string },
  now: number,
): Promise<AgentSigned> {
  const { jti: capability } = decodeCapability(grantFor(agent, SIGN_CONTENT).tokens.at(-1)!);
  const key = await keyOfAgent(agent);
  const about = { ...said, capability, time: Math.floor(now / 1000), sources: [] };
  const { did } = agent;
  const { canHoldSignature, signMedia } = await import('./c2pa.ts');
  if (canHoldSignature(content)) {
    const draft = { chain: certificatesOf(agent.chain), did, key, about, now };
    return { inside: true, content: await signMedia(content, draft), capability };
  }
  const mediaType = 'application/octet-stream';
  const statement = await signProvenance(key, describeContent(content, { ...about, did, mediaType }));
  return { inside: false, content: encodeStatementFile(statement, agent.chain), capability };
}

/** A statement as a file beside its content, with its signer's certificates (DERs, root first, base64url). */
export function encodeStatementFile(statement: Uint8Array, certificates: readonly string[]): Uint8Array {
  return utf8(JSON.stringify({ v: 1, statement: toBase64Url(statement), certificates }));
}
