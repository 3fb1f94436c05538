/** JSON of the farmer's calls (`subspace_*`), both ways: bytes as hex without prefix, 64-bit integers bare. */
import { toHex } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { jsonArray, jsonHex, jsonObject, jsonU16, jsonU32, jsonU64 } from '../protocol/json.ts';
import { solutionFromJson, solutionToJson } from '../protocol/solution.ts';
import type {
  FarmerAppInfo,
  FarmerProtocolInfo,
  RewardSigningInfo,
  SlotInfo,
  SlotNumber,
  Solution,
} from '../protocol/types.ts';

const MAX_BOOTSTRAP_NODES = 1_000;

/** A solution handed in, with the slot it is for. */
export interface SolutionResponse {
  slotNumber: SlotNumber;
  solution: Solution;
}

/** A signed reward hash; `signature` is null when the farmer declines. */
export interface RewardSignatureResponse {
  /** 32 bytes. */
  hash: Uint8Array;
  /** 64 bytes. */
  signature: Uint8Array | null;
}

function protocolInfoToJson(info: FarmerProtocolInfo): unknown {
  return {
    historySize: info.historySize,
    maxPiecesInSector: info.maxPiecesInSector,
    recentSegments: info.recentSegments,
    recentHistoryFraction: info.recentHistoryFraction,
    minSectorLifetime: info.minSectorLifetime,
  };
}

function protocolInfoFromJson(json: unknown): FarmerProtocolInfo {
  const what = 'farmer-protocol-info';
  const fields = jsonObject(what, json);
  const fraction = jsonArray(what, fields['recentHistoryFraction'], 2).map((part) => jsonU64(what, part));
  const [numerator, denominator] = fraction;
  if (numerator === undefined || denominator === undefined || denominator === 0n) {
    throw new DecodeError(what, 'not a fraction');
  }
  const historySize = jsonU64(what, fields['historySize']);
  if (historySize === 0n) throw new DecodeError(what, 'history size is zero');
  const maxPiecesInSector = jsonU16(what, fields['maxPiecesInSector']);
  if (maxPiecesInSector === 0) throw new DecodeError(what, 'sectors have no pieces');
  return {
    historySize,
    maxPiecesInSector,
    recentSegments: jsonU64(what, fields['recentSegments']),
    recentHistoryFraction: [numerator, denominator],
    minSectorLifetime: jsonU64(what, fields['minSectorLifetime']),
  };
}

/** Result of `subspace_getFarmerAppInfo`. */
export function farmerAppInfoToJson(info: FarmerAppInfo): unknown {
  return {
    genesisHash: toHex(info.genesisHash),
    dsnBootstrapNodes: info.dsnBootstrapNodes,
    syncing: info.syncing,
    farmingTimeout: {
      secs: Math.floor(info.farmingTimeoutMs / 1_000),
      nanos: (info.farmingTimeoutMs % 1_000) * 1_000_000,
    },
    protocolInfo: protocolInfoToJson(info.protocolInfo),
  };
}

/** Throws DecodeError. */
export function farmerAppInfoFromJson(json: unknown): FarmerAppInfo {
  const what = 'farmer-app-info';
  const fields = jsonObject(what, json);
  const timeout = jsonObject(what, fields['farmingTimeout']);
  const nodes = jsonArray(what, fields['dsnBootstrapNodes'], MAX_BOOTSTRAP_NODES);
  if (!nodes.every((node): node is string => typeof node === 'string')) {
    throw new DecodeError(what, 'bootstrap nodes are not texts');
  }
  if (typeof fields['syncing'] !== 'boolean') throw new DecodeError(what, 'syncing is not a boolean');
  return {
    genesisHash: jsonHex(what, fields['genesisHash'], 32),
    dsnBootstrapNodes: nodes,
    syncing: fields['syncing'],
    farmingTimeoutMs: jsonU32(what, timeout['secs']) * 1_000 + jsonU32(what, timeout['nanos']) / 1_000_000,
    protocolInfo: protocolInfoFromJson(fields['protocolInfo']),
  };
}

/** Notification `subspace_slot_info`. */
export function slotInfoToJson(slot: SlotInfo): unknown {
  return {
    slotNumber: slot.slotNumber,
    globalChallenge: toHex(slot.globalChallenge),
    solutionRange: slot.solutionRange,
    votingSolutionRange: slot.votingSolutionRange,
  };
}

/** Throws DecodeError. */
export function slotInfoFromJson(json: unknown): SlotInfo {
  const what = 'slot-info';
  const fields = jsonObject(what, json);
  return {
    slotNumber: jsonU64(what, fields['slotNumber']),
    globalChallenge: jsonHex(what, fields['globalChallenge'], 32),
    solutionRange: jsonU64(what, fields['solutionRange']),
    votingSolutionRange: jsonU64(what, fields['votingSolutionRange']),
  };
}

/** Parameter of `subspace_submitSolutionResponse`. */
export function solutionResponseToJson({ slotNumber, solution }: SolutionResponse): unknown {
  return { slotNumber, solution: solutionToJson(solution) };
}

/** Throws DecodeError. */
export function solutionResponseFromJson(json: unknown): SolutionResponse {
  const what = 'solution-response';
  const fields = jsonObject(what, json);
  return {
    slotNumber: jsonU64(what, fields['slotNumber']),
    solution: solutionFromJson(fields['solution']),
  };
}

/** Notification `subspace_reward_signing`. */
export function rewardSigningToJson({ hash, publicKey }: RewardSigningInfo): unknown {
  return { hash: toHex(hash), publicKey: toHex(publicKey) };
}

/** Throws DecodeError. */
export function rewardSigningFromJson(json: unknown): RewardSigningInfo {
  const what = 'reward-signing';
  const fields = jsonObject(what, json);
  return {
    hash: jsonHex(what, fields['hash'], 32),
    publicKey: jsonHex(what, fields['publicKey'], 32),
  };
}

/** Parameter of `subspace_submitRewardSignature`. */
export function rewardSignatureToJson({ hash, signature }: RewardSignatureResponse): unknown {
  return { hash: toHex(hash), signature: signature && toHex(signature) };
}

/** Throws DecodeError. */
export function rewardSignatureFromJson(json: unknown): RewardSignatureResponse {
  const what = 'reward-signature';
  const fields = jsonObject(what, json);
  return {
    hash: jsonHex(what, fields['hash'], 32),
    signature: fields['signature'] === null ? null : jsonHex(what, fields['signature'], 64),
  };
}
