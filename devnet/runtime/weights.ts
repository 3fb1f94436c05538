/**
 * Weights of the runtime that the recorded metadata belongs to (specification version 6): what calls, extensions
 * and hooks cost. They decide fees and appear in events and state.
 */

export interface Weight {
  /** Picoseconds. */
  refTime: bigint;
  /** Bytes. */
  proofSize: bigint;
}

export const weight = (refTime: bigint | number, proofSize: bigint | number = 0): Weight => ({
  refTime: BigInt(refTime),
  proofSize: BigInt(proofSize),
});

export const addWeights = (...weights: Weight[]): Weight => ({
  refTime: weights.reduce((sum, { refTime }) => sum + refTime, 0n),
  proofSize: weights.reduce((sum, { proofSize }) => sum + proofSize, 0n),
});

export const subtractWeight = (a: Weight, b: Weight): Weight => ({
  refTime: a.refTime > b.refTime ? a.refTime - b.refTime : 0n,
  proofSize: a.proofSize > b.proofSize ? a.proofSize - b.proofSize : 0n,
});

const READ = 8_000_000n;
const WRITE = 50_000_000n;

/** A measured weight with its storage reads and writes. */
function measured(refTime: number, proofSize: number, reads = 0, writes = 0): Weight {
  return weight(BigInt(refTime) + READ * BigInt(reads) + WRITE * BigInt(writes), proofSize);
}

export const BASE_BLOCK = weight(431_614_000);
export const BASE_EXTRINSIC = weight(108_157_000);
export const MAX_BLOCK_REF_TIME = 2_000_000_000_000n;
export const MAX_NORMAL_REF_TIME = 1_500_000_000_000n;
export const MAX_NORMAL_LENGTH = 3_932_160;
export const MAX_BLOCK_LENGTH = 5_242_880;

/** Calls, by what they do; `n` is the size that the measurement varied. */
export const callWeights = {
  timestampSet: () => measured(3_970_000, 1493, 1, 1),
  remark: (n: number) => measured(1_610_000 + 334 * n, 0),
  remarkWithEvent: (n: number) => measured(4_340_000 + 1096 * n, 0),
  storeSegmentHeaders: (n: number) => measured(4_598_160 + 4_874_598 * n, 1489 + 2475 * n, 2 + n, 2 + n),
  enableSolutionRangeAdjustment: () => measured(6_339_000, 1485, 2, 3),
  vote: () => measured(4_580_000, 0),
  enableRewardsAt: () => measured(2_450_000, 0, 0, 1),
  enableAuthoringByAnyone: () => measured(4_140_000, 1485, 1, 1),
  setPotSlotIterations: () => measured(3_750_000, 1485, 1, 1),
  transferAllowDeath: () => measured(45_979_000, 3593, 1, 1),
  transferKeepAlive: () => measured(36_739_000, 3593, 1, 1),
  transferAll: () => measured(45_499_000, 3593, 1, 1),
  batch: (n: number) => measured(14_210_161 + 2_842_287 * n, 0),
  batchAll: (n: number) => measured(8_821_040 + 3_060_050 * n, 0),
  forceBatch: (n: number) => measured(13_681_588 + 2_790_031 * n, 0),
  nominateOperator: () => measured(136_907_000, 6196, 10, 7),
  withdrawStake: () => measured(123_117_000, 6196, 13, 7),
  /** Announced for as many withdrawals as there can be. */
  unlockFunds: () => measured(113_788_558, 4643 + 36 * 32, 9, 5),
  submitBundle: () => measured(146_787_000, 12_821, 22, 17),
  /** Registering a domain's runtime, instantiating it, registering its operator. */
  domain: () => measured(100_000_000, 10_000, 10, 12),
  transporterTransfer: () => measured(62_000_000, 5_000, 10, 7),
  sudo: () => measured(8_610_000, 1517, 1),
  setEnableDynamicCostOfStorage: () => measured(1_910_000, 0, 0, 1),
  setEnableBalanceTransfers: () => measured(1_950_000, 0, 0, 1),
};

/** Transaction extensions. */
export const extensionWeights = {
  /** The part of `frame_system` that every transaction pays: sender, versions, genesis, mortality, weight. */
  system: (mortal: boolean) => (mortal ? weight(38_741_000, 3509) : weight(38_643_000)),
  checkNonce: measured(7_261_000, 3593, 1, 1),
  chargeTransactionPayment: measured(32_379_000, 3593, 3, 2),
  /** `BalanceTransferCheckExtension` having looked through so many nested calls. */
  balanceTransferCheck: (calls: number) => measured(2_679_614 + 3520 * calls, 1486, 1),
  vote: measured(2_196_953_000, 6044, 11, 1),
  voteWithEquivocation: measured(2_203_123_000, 6143, 10, 2),
};
/** Nested calls that `BalanceTransferCheckExtension` is charged for before it has counted them. */
export const MAX_CHECKED_CALLS = 5000;

/** `on_initialize` of the pallets, for a chain without domains, channels, scheduled calls and referenda. */
export const hookWeights = {
  timestamp: weight(3_620_000),
  transactionFees: measured(10_000, 10_000, 4, 4),
  mmr: (peaks: number) => measured(65_730_999 + 12_391 * peaks, 9242 + 8 * peaks, 6, 5),
  messenger: measured(0, 0, 0, 1),
  transporter: measured(0, 0, 0, 1),
  scheduler: addWeights(measured(2_100_000, 1489, 1, 1), measured(5_867_868, 13_928, 1, 1)),
  democracy: measured(8_524_132, 1489, 2, 1),
  democracyLaunch: measured(11_125_841, 18_187, 5),
};
