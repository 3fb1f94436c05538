/**
 * Identities as a person uses them: plain async commands with structured-cloneable arguments and results, over
 * one wallet and the registry of one network. What fails rejects with a typed error that has a `sentence`.
 */
import { openWeb } from '../network/web.ts';
import type { WalletService } from '../wallet/service.ts';
import type { agentCommands } from './agent-commands.ts';
import type { agentUseCommands } from './agent-use-commands.ts';
import type { contentCommands } from './content-commands.ts';
import { IdentityContext } from './context.ts';
import type { IdentityOptions } from './options.ts';
import { credentialCommands } from './credential-commands.ts';
import { chainEvidenceCommands } from './evidence.ts';
import { identityCommands } from './identity-commands.ts';
import type { identityFileCommands } from './identity-file-commands.ts';
import type { openIdCommands } from './openid-commands.ts';
import type { passportCommands } from './passport/passport-commands.ts';
import type { presentingCommands } from './presenting-commands.ts';
import type { registrationCommands } from './registration-commands.ts';
import type { scoreCommands } from './score-commands.ts';
import type { statusCommands } from './status-commands.ts';
import type { statementCommands } from './statement-commands.ts';
import type { unlinkableCommands } from './unlinkable-commands.ts';
import type { verifierCommands } from './verifier-commands.ts';
import type { w3cCommands } from './w3c-commands.ts';

type ContentCommands = ReturnType<typeof contentCommands>;
/** Commands of signed files; a record, so that none is left out. */
const CONTENT: Record<keyof ContentCommands, true> = {
  signContent: true,
  verifyContent: true,
  signMedia: true,
  verifyMedia: true,
};

type FileCommands = ReturnType<typeof identityFileCommands>;
/** Commands of identities in files; a record, so that none is left out. */
const FILES: Record<keyof FileCommands, true> = {
  importIdentity: true,
  exportIdentity: true,
};

type RegistrationCommands = ReturnType<typeof registrationCommands>;
/** Commands that change what a registry holds of an identity; a record, so that none is left out. */
const REGISTRATION: Record<keyof RegistrationCommands, true> = {
  registerIdentity: true,
  renewIdentity: true,
  revokeIdentity: true,
  deactivateIdentity: true,
};

type ShowingCommands = ReturnType<typeof presentingCommands> & ReturnType<typeof verifierCommands>;
/** Commands that ask for credentials, show and check them; a record, so that none is left out. */
const SHOWING: Record<keyof ShowingCommands, true> = {
  matchRequest: true,
  present: true,
  newRequest: true,
  verifyResponse: true,
};

type StatusCommands = ReturnType<typeof statusCommands>;
/** Commands of revocations; a record, so that none is left out. */
const STATUS: Record<keyof StatusCommands, true> = {
  revokeCredential: true,
  restoreCredential: true,
  statusAddresses: true,
  statusList: true,
  announcement: true,
  importStatusList: true,
  checkStatus: true,
  announceStatusList: true,
  issuersToAsk: true,
  askIssuers: true,
};

type UnlinkableCommands = ReturnType<typeof unlinkableCommands>;
/** Commands of credentials that cannot be linked; a record, so that none is left out. */
const UNLINKABLE: Record<keyof UnlinkableCommands, true> = {
  requestUnlinkable: true,
  issueUnlinkable: true,
  issuedUnlinkable: true,
  renewUnlinkable: true,
  forgetUnlinkable: true,
};

type OpenIdCommands = ReturnType<typeof openIdCommands>;
/** Commands for issuers and verifiers on the web; a record, so that none is left out. */
const OPEN_ID: Record<keyof OpenIdCommands, true> = {
  readOffer: true,
  acceptOffer: true,
  startLogin: true,
  finishLogin: true,
  promises: true,
  askAgain: true,
  forgetPromise: true,
  readVerifierRequest: true,
  answerVerifier: true,
};

type ForeignCommands = ReturnType<typeof w3cCommands>;
/** Commands of credentials of other systems; a record, so that none is left out. */
const FOREIGN: Record<keyof ForeignCommands, true> = {
  foreignLists: true,
  askForeignLists: true,
  checkForeign: true,
};

type AgentCommands = ReturnType<typeof agentCommands> & ReturnType<typeof agentUseCommands>;
/** Commands of agents and what they may do; a record, so that none is left out. */
const AGENTS: Record<keyof AgentCommands, true> = {
  createAgent: true,
  delegate: true,
  acceptGrant: true,
  delegations: true,
  revokeDelegation: true,
  importRevocations: true,
  exportAgent: true,
  importAgent: true,
  newChallenge: true,
  authenticate: true,
  checkAuthentication: true,
  invokeDelegation: true,
  checkUse: true,
  auditLog: true,
};

type ScoreCommands = ReturnType<typeof scoreCommands>;
/** Commands of the Auto Score; a record, so that none is left out. */
const SCORE: Record<keyof ScoreCommands, true> = {
  evidence: true,
  addEvidence: true,
  removeEvidence: true,
  score: true,
  issueScore: true,
  scorePolicy: true,
  setScorePolicy: true,
};

type StatementCommands = ReturnType<typeof statementCommands>;
/** Commands of what identities say of each other; a record, so that none is left out. */
const STATEMENTS: Record<keyof StatementCommands, true> = {
  coIssue: true,
  coIssued: true,
  withdrawCoIssuance: true,
  coIssuers: true,
  addStatement: true,
  statementsOf: true,
  succeed: true,
  checkSuccession: true,
};

type PassportCommands = ReturnType<typeof passportCommands>;
/** Commands of passports; a record, so that none is left out. */
const PASSPORT: Record<keyof PassportCommands, true> = {
  checkPassport: true,
  keepPassport: true,
};

type Command = (input: unknown) => Promise<unknown>;

/** Commands whose code is fetched when one of them is first used. */
function later<T extends object>(names: Record<keyof T, true>, load: () => Promise<T>): T {
  let loading: Promise<T> | null = null;
  const command =
    (name: keyof T): Command =>
    async (input) => {
      loading ??= load();
      const commands = await loading.catch((error: unknown) => {
        loading = null;
        throw error;
      });
      return (commands[name] as Command).call(commands, input);
    };
  const all = Object.keys(names).map((name) => [name, command(name as keyof T)] as const);
  return Object.fromEntries(all) as T;
}

/** Every command of identities, credentials, agents, provenance and score. */
export function createIdentityService(wallet: WalletService, options: IdentityOptions) {
  const context = new IdentityContext(wallet, options);
  const credentials = {
    ...credentialCommands(context),
    ...later(SHOWING, async () => {
      const [presenting, verifying] = await Promise.all([
        import('./presenting-commands.ts'),
        import('./verifier-commands.ts'),
      ]);
      return { ...presenting.presentingCommands(context), ...verifying.verifierCommands(context) };
    }),
  };
  const web = options.web ?? openWeb;
  return {
    ...identityCommands(context),
    ...later(FILES, async () => (await import('./identity-file-commands.ts')).identityFileCommands(context)),
    ...later(REGISTRATION, async () =>
      (await import('./registration-commands.ts')).registrationCommands(context),
    ),
    ...credentials,
    ...later(OPEN_ID, async () =>
      (await import('./openid-commands.ts')).openIdCommands(context, credentials, web),
    ),
    ...later(STATUS, async () => (await import('./status-commands.ts')).statusCommands(context, web)),
    ...later(AGENTS, async () => {
      const [agents, use] = await Promise.all([
        import('./agent-commands.ts'),
        import('./agent-use-commands.ts'),
      ]);
      return { ...agents.agentCommands(context), ...use.agentUseCommands(context) };
    }),
    ...later(CONTENT, async () => (await import('./content-commands.ts')).contentCommands(context)),
    ...later(SCORE, async () => (await import('./score-commands.ts')).scoreCommands(context)),
    ...chainEvidenceCommands(context),
    ...later(PASSPORT, async () =>
      (await import('./passport/passport-commands.ts')).passportCommands(context),
    ),
    ...later(STATEMENTS, async () => (await import('./statement-commands.ts')).statementCommands(context)),
    ...later(UNLINKABLE, async () => (await import('./unlinkable-commands.ts')).unlinkableCommands(context)),
    ...later(FOREIGN, async () => (await import('./w3c-commands.ts')).w3cCommands(context, web)),
  };
}

export type IdentityService = ReturnType<typeof createIdentityService>;
