/** The version that the runtime announces, as recorded. */
import { fromHex } from '../../src/protocol/bytes.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { SPEC_VERSION, TRANSACTION_VERSION } from './parsed-extrinsic.ts';

/** Runtime APIs: the hash of their name, their version. */
const APIS: [string, number][] = [
  ['0xdf6acb689907609b', 5],
  ['0x37e397fc7c91f5e4', 2],
  ['0x40fe3ad401f8959a', 6],
  ['0xd2bc9897eed08f15', 3],
  ['0xf78b278be53f454c', 2],
  ['0x505a9fa38782c6e3', 1],
  ['0xe3ff280521c61d6a', 2],
  ['0x313200fff235dc4d', 6],
  ['0x0d8cd5426d5c2609', 1],
  ['0xab3c0572291feb8b', 1],
  ['0xbc9d89904f5b923f', 1],
  ['0x37c8bb1350a9a2a8', 4],
  ['0x84e41fdde0772980', 3],
  ['0x3fdc5ad7fc3849be', 3],
  ['0xdd5b344671f65a6a', 2],
  ['0x91d5df18b0d2cf58', 2],
  ['0xfbc577b9d747efd6', 1],
];

const SYSTEM_VERSION = 2;

/** Result of `state_getRuntimeVersion`. */
export const runtimeVersion = {
  specName: 'subspace',
  implName: 'subspace',
  authoringVersion: 0,
  specVersion: SPEC_VERSION,
  implVersion: 0,
  apis: APIS,
  transactionVersion: TRANSACTION_VERSION,
  systemVersion: SYSTEM_VERSION,
  stateVersion: SYSTEM_VERSION,
};

/** Result of `Core_version`. */
export function encodeRuntimeVersion(): Uint8Array {
  const { specName, implName, authoringVersion, specVersion, implVersion } = runtimeVersion;
  return new ScaleWriter()
    .text(specName)
    .text(implName)
    .u32(authoringVersion)
    .u32(specVersion)
    .u32(implVersion)
    .vec(APIS, (item, [name, version]) => item.raw(fromHex(name, 8)).u32(version))
    .u32(TRANSACTION_VERSION)
    .u8(SYSTEM_VERSION)
    .bytes();
}
