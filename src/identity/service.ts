/**
 * Identities as a person uses them: plain async commands with structured-cloneable arguments and results, over
 * one wallet and the registry of one network. What fails rejects with a typed error that has a `sentence`.
 */
import { openWeb } from '../network/web.ts';
import type { WalletService } from '../wallet/service.ts';
import { agentCommands } from './agent-commands.ts';
import { contentCommands } from './content-commands.ts';
import { IdentityContext, type IdentityOptions } from './context.ts';
import { credentialCommands } from './credential-commands.ts';
import { identityCommands } from './identity-commands.ts';
import { openIdCommands } from './openid-commands.ts';
import { scoreCommands } from './score-commands.ts';
import { statusCommands } from './status-commands.ts';
import { statementCommands } from './statement-commands.ts';
import { unlinkableCommands } from './unlinkable-commands.ts';

/** Every command of identities, credentials, agents, provenance and score. */
export function createIdentityService(wallet: WalletService, options: IdentityOptions) {
  const context = new IdentityContext(wallet, options);
  const credentials = credentialCommands(context);
  const web = options.web ?? openWeb;
  return {
    ...identityCommands(context),
    ...credentials,
    ...openIdCommands(context, credentials, web),
    ...statusCommands(context, web),
    ...agentCommands(context),
    ...contentCommands(context),
    ...scoreCommands(context),
    ...statementCommands(context),
    ...unlinkableCommands(context),
  };
}

export type IdentityService = ReturnType<typeof createIdentityService>;
