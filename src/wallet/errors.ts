import { ProtocolError, type ProtocolErrorDetails } from '../protocol/errors.ts';

/**
 * A check of the wallet or of an identity that failed. `code` names the check in kebab-case, `sentence` tells
 * the person. Never carries a secret.
 */
export class Refusal extends ProtocolError {
  constructor(check: string, message: string, sentence?: string, values?: ProtocolErrorDetails['values']) {
    super({
      code: check,
      rule: check,
      message,
      ...(sentence === undefined ? {} : { sentence }),
      ...(values === undefined ? {} : { values }),
    });
    this.name = 'Refusal';
  }
}
