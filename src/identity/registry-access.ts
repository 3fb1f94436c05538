/** A network's registry of Auto IDs, as the commands of identities use it. */
import type { AutoIdCall } from './calls.ts';
import { Registry } from './registry.ts';

/** Content of the registry for some identifiers, and what stands behind it. */
export interface RegistryView {
  registry: Registry;
  /** Hash of the first block of the registry's domain, hex. */
  genesis: string;
  /** Block of the domain that the content is of. */
  block: number | null;
  /** Verified block of the consensus chain that proves it, if one does. */
  consensusBlock: number | null;
  /** Chain time, milliseconds. */
  time: number;
  /** Whether a storage proof against a verified head stands behind it. */
  proven: boolean;
}

/** What a call would cost, by the word of the domain's node. */
export interface CallQuote {
  /** Id of the domain on the consensus chain. */
  domain: number;
  /** Name of the call in the runtime. */
  call: string;
  /** SS58 address of the account that pays. */
  account: string;
  /** Smallest unit, decimal. */
  fee: string;
  /** What the account has on the domain: smallest unit, decimal. */
  balance: string;
  /** Length of the whole extrinsic. */
  bytes: number;
}

/** A call that a block of the domain holds. */
export interface SubmittedCall {
  /** Hash of the extrinsic, hex. */
  extrinsic: string;
  /** Number of the domain's block, by the word of its node. */
  block: number;
}

/** A network's registry of Auto IDs. */
export interface RegistryAccess {
  /** Whether the network has one, which is proven; null while its chain cannot be asked. */
  exists(): Promise<boolean | null>;
  /** Entries and revocation lists of these identifiers, proven; null as for `exists`, or if there is none. */
  read(ids: readonly Uint8Array[]): Promise<RegistryView | null>;
  /** The same as of the newest block, by the word of a node alone: only good for bad news and for what to sign. */
  report(ids: readonly Uint8Array[]): Promise<RegistryView | null>;
  /** What a call would cost. `payer`: as for `submit`. */
  quote(call: AutoIdCall, payer?: string): Promise<CallQuote>;
  /**
   * Sends a call; resolves when a block holds it. Throws Refusal `registry-refused` if the registry refused it after
   * all, `not-included` if no block took it in.
   *
   * @param ids What it touches.
   * @param payer SS58 address of the wallet's account that pays; its first one when left out.
   */
  submit(call: AutoIdCall, ids: readonly Uint8Array[], payer?: string): Promise<SubmittedCall>;
}

/** What the registry said. */
export interface Consultation {
  /** `none`: the network has no registry; `silent`: it could not be asked. */
  status: 'none' | 'silent' | 'asked';
  /** Why it is silent, as a sentence. */
  reason: string | null;
  proven: RegistryView | null;
  reported: RegistryView | null;
}
