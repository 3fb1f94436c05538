/** The Auto ID domain of the local network at its genesis, and the calls that bring it about. */
import { utf8 } from '../../src/protocol/bytes.ts';
import { headerHash } from '../../src/protocol/header.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import { orderedTrieRoot, Trie } from '../../src/protocol/trie.ts';
import type { Header } from '../../src/protocol/types.ts';
import { developmentAccounts, type DevelopmentAccount } from '../accounts.ts';
import { writeAccount } from '../runtime/balances.ts';
import { keys } from '../runtime/keys.ts';
import { STATE_VERSION, type StorageChange } from '../runtime/storage.ts';
import { genesisReceipt, type Receipt } from './receipt.ts';

/** The only domain of the local network. */
export const DOMAIN_ID = 0;
export const OPERATOR_ID = 0n;
const DOMAIN_NAME = 'auto-id';
const RUNTIME_NAME = 'subspace-auto-id-domain';
/** Index of the runtime type AutoId. */
export const AUTO_ID_RUNTIME = 1;
const AI3 = 10n ** 18n;
/** What each development account has on the domain. */
const DOMAIN_ENDOWMENT = 1000n * AI3;
const CODE = utf8('Allotment local network, rules of subspace-auto-id-domain 0');

export interface DomainGenesis {
  state: Trie;
  header: Header;
  /** 32 bytes. */
  hash: Uint8Array;
  receipt: Receipt;
}

/** Account that operates the domain: //Ferdie, whose key everybody knows. */
export const operatorAccount = () => developmentAccounts().at(-1)!;

function genesisEntries(): StorageChange[] {
  const accounts = developmentAccounts();
  const zero = { nonce: 0, consumers: 0, providers: 1, sufficients: 0, reserved: 0n, frozen: 0n };
  return [
    { key: keys.code, value: CODE },
    ...accounts.map(({ publicKey }) => {
      const writer = new ScaleWriter();
      writeAccount(writer, { ...zero, free: DOMAIN_ENDOWMENT, flags: 1n << 127n });
      return { key: keys.account(publicKey), value: writer.bytes() };
    }),
    {
      key: storagePrefix('Balances', 'TotalIssuance'),
      value: new ScaleWriter().u128(DOMAIN_ENDOWMENT * BigInt(accounts.length)).bytes(),
    },
    { key: storagePrefix('SelfDomainId', 'SelfDomainId'), value: new ScaleWriter().u32(DOMAIN_ID).bytes() },
    {
      key: storagePrefix('System', 'LastRuntimeUpgrade'),
      value: new ScaleWriter().compact(0).text(RUNTIME_NAME).bytes(),
    },
  ];
}

let found: DomainGenesis | null = null;

/** Genesis block and state of the domain. Needs `loadWasm`. */
export function domainGenesis(): DomainGenesis {
  if (found === null) {
    const state = Trie.from(STATE_VERSION, genesisEntries());
    const extrinsicsRoot = orderedTrieRoot([], STATE_VERSION);
    const header: Header = {
      parentHash: new Uint8Array(32),
      number: 0,
      stateRoot: state.root(),
      extrinsicsRoot,
      digest: [],
    };
    const hash = headerHash(header);
    found = { state, header, hash, receipt: genesisReceipt(hash, extrinsicsRoot, state.root()) };
  }
  return found;
}

/** A call with which the domain begins, and who signs it. */
export interface FoundingCall {
  signer: DevelopmentAccount;
  call: Uint8Array;
}

/**
 * What brings the domain about, as on a real network: the root account registers the runtime, an account
 * instantiates it, another operates it.
 */
export function foundingCalls(): [runtime: FoundingCall, instance: FoundingCall, operator: FoundingCall] {
  const accounts = developmentAccounts();
  const [root] = accounts;
  const rawGenesis = new ScaleWriter().compact(1).byteVector(keys.code).byteVector(CODE).compact(0).bytes();
  const register = new ScaleWriter().u8(100).u8(0).u8(12).u8(2).text(RUNTIME_NAME).u8(AUTO_ID_RUNTIME);
  // No limit of bundles but the network's, a bundle in every slot, anyone may operate.
  const instantiate = new ScaleWriter().u8(12).u8(6).text(DOMAIN_NAME).u32(0).u8(0).u64(1n).u64(1n).u8(0);
  instantiate.vec(accounts, (item, { publicKey }) => item.u8(0).raw(publicKey).u128(DOMAIN_ENDOWMENT));
  const operator = operatorAccount();
  // No stake; nominations of a token or more, none of whose rewards the operator keeps.
  const operate = new ScaleWriter()
    .u8(12)
    .u8(4)
    .u32(DOMAIN_ID)
    .u128(0n)
    .raw(operator.publicKey)
    .u128(AI3)
    .u8(0);
  return [
    { signer: root!, call: register.byteVector(rawGenesis).bytes() },
    { signer: root!, call: instantiate.u8(AUTO_ID_RUNTIME).bytes() },
    { signer: operator, call: operate.bytes() },
  ];
}

/** Accounts (32 bytes) and balances that the domain begins with. */
export function initialBalances(): { account: Uint8Array; value: bigint }[] {
  return developmentAccounts().map(({ publicKey }) => ({ account: publicKey, value: DOMAIN_ENDOWMENT }));
}
