/** Why a transaction did not do what it should, in sentences. */

/** Failures of calls by the runtime's names. */
const DISPATCH: Record<string, string> = {
  'Token.FundsUnavailable': 'The account had too little.',
  'Token.BelowMinimum': 'The amount is below what an account has to hold at least.',
  'Token.NotExpendable': 'It would have left the sending account with less than it has to hold.',
  'Token.Frozen': 'Part of the account’s tokens is frozen.',
  'Balances.InsufficientBalance': 'The account had too little.',
  'Balances.ExistentialDeposit': 'The amount is below what an account has to hold at least.',
  'Domains.Staking': 'The network’s staking rules refused it.',
  'Domains.Staking.InsufficientBalance': 'The account had too little to stake that much.',
  'Domains.Staking.InsufficientShares': 'The account has not staked that much with the operator.',
  'Domains.Staking.MinimumNominatorStake': 'The operator takes no stake as small as that.',
  'Domains.Staking.MinimumOperatorStake': 'An operator has to keep a stake of its own.',
  'Domains.Staking.OperatorNotRegistered': 'The operator takes no stakes any more.',
  'Domains.Staking.UnknownNominator': 'The account has staked nothing with the operator.',
  'Domains.Staking.MissingWithdrawal': 'Nothing that was taken back waits to be unlocked yet.',
  'Domains.Staking.UnlockPeriodNotComplete': 'What was taken back cannot be unlocked yet.',
  'Domains.Staking.TooManyWithdrawals': 'Unlock what was taken back before taking back more.',
  'Domains.Staking.BundleStorageFund': 'The account had too little to stake that much.',
  BadOrigin: 'This account may not do that.',
};

/** Sentence for a call that failed inside its block. `name`: as `Outcome.failure` has it. */
export function dispatchSentence(name: string): string {
  const parts = name.split('.');
  for (let length = parts.length; length > 0; length -= 1) {
    const sentence = DISPATCH[parts.slice(0, length).join('.')];
    if (sentence !== undefined) return sentence;
  }
  return `The network refused it (${name}).`;
}

/** What the text of a node's refusal says of a transaction, by what it contains. */
const REFUSALS: [contains: string, code: string, sentence: string][] = [
  [
    'Inability to pay',
    'insufficient-balance',
    'The account cannot pay the fee and keep what it has to hold.',
  ],
  ['outdated', 'stale', 'The account’s number for this transaction was used already.'],
  [
    'valid in the future',
    'future',
    'An earlier transaction of the account is missing; this one waits for it.',
  ],
  ['bad signature', 'bad-signature', 'The node did not accept the signature.'],
  ['ancient birth block', 'expired', 'The time in which the transaction was valid is over.'],
  ['exhaust the block', 'too-large', 'The transaction does not fit into a block.'],
  [
    'call is not expected',
    'call-refused',
    'The network does not run this call, or not yet: transfers, for example, can be switched off.',
  ],
  ['Invalid signing address', 'bad-signer', 'The network does not accept this account as a sender.'],
  ['pool is full', 'pool-full', 'The node’s waiting room for transactions is full. It is tried again.'],
  [
    'Immediately Dropped',
    'pool-full',
    'The node’s waiting room for transactions is full. It is tried again.',
  ],
  ['temporarily banned', 'banned', 'The node turned it away for a while. It is tried again.'],
  [
    'Priority is too low',
    'priority',
    'Another transaction of this account with the same number waits already.',
  ],
];

export interface NodeRefusal {
  code: string;
  sentence: string;
  /** Whether the same transaction may be taken later. */
  passing: boolean;
}

/** `stale` and `expired`: the chain itself shows that sooner or later, and a node may be ahead of what is verified. */
const PASSING = new Set(['future', 'pool-full', 'banned', 'unknown', 'priority', 'stale', 'expired']);

/** What a node's refusal of a transaction means. `text`: its message and data. */
export function refusalOf(text: string): NodeRefusal {
  const found = REFUSALS.find(([contains]) => text.includes(contains));
  const [, code, sentence] = found ?? ['', 'unknown', `The node did not take it: ${text.slice(0, 160)}`];
  return { code, sentence, passing: PASSING.has(code) };
}
