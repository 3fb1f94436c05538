/** How a network writes amounts and addresses: nothing that its rules depend on. */

export interface Token {
  symbol: string;
  /** Decimal places; amounts are counted in the smallest unit. */
  decimals: number;
}

export interface Notation {
  token: Token;
  /** Prefix of addresses, 0..16383. */
  ss58Prefix: number;
}
