import { beforeAll, describe, expect, it } from 'vitest';
import { recordedMetadata, recordedStates, type RecordedState } from '../../tests/support/recorded-states.ts';
import { accountQuery } from '../chain/state/accounts.ts';
import { expandMiniSecret, publicKeyOf, sign, verifySignature } from '../crypto/sr25519.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { concat, littleEndian, utf8 } from '../protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../protocol/constants.ts';
import { DecodeError } from '../protocol/errors.ts';
import { decodeExtrinsic } from '../protocol/extrinsic.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import type { AccountSigner } from './service.ts';
import {
  estimateFee,
  nextNonce,
  prepareTransaction,
  readTransaction,
  remarkCall,
  signTransaction,
  transferCall,
  unsignedAs,
} from './transactions.ts';

let metadata: RuntimeMetadata;
let states: RecordedState[];
let signer: AccountSigner;

beforeAll(async () => {
  await loadWasm();
  metadata = recordedMetadata();
  states = recordedStates(12);
  const secret = expandMiniSecret(new Uint8Array(32).fill(5));
  const publicKey = publicKeyOf(secret);
  signer = { publicKey, sign: (message) => sign(secret, EXTRINSIC_SIGNING_CONTEXT, message) };
});

const target = (from: { number: number; hash: Uint8Array } | null) => ({
  genesisHash: states[0]!.hash,
  from,
  nonce: 7n,
  tip: 3n,
});

describe('transactions', () => {
  it('are signed over what the runtime verifies, and read back', () => {
    const from = { number: 12, hash: states[12]!.hash };
    const call = transferCall(metadata, new Uint8Array(32).fill(9), 10n ** 18n);
    const prepared = prepareTransaction(metadata, call, target(from));
    const bytes = signTransaction(prepared, signer);
    const seen = readTransaction(metadata, bytes);
    expect(seen).toMatchObject({ pallet: 'Balances', call: 'transfer_keep_alive', nonce: 7n, tip: 3n });
    expect(seen.args).toEqual({ dest: { type: 'Id', value: new Uint8Array(32).fill(9) }, value: 10n ** 18n });
    expect(seen.signer).toEqual(signer.publicKey);
    const extrinsic = decodeExtrinsic(bytes);
    const signature = extrinsic.kind === 'signed' ? extrinsic.signature : new Uint8Array();
    expect(verifySignature(signer.publicKey, EXTRINSIC_SIGNING_CONTEXT, prepared.payload, signature)).toBe(
      true,
    );
    expect(prepared.payload).not.toEqual(prepareTransaction(metadata, call, target(null)).payload);
  });

  it('are not made for a runtime that needs more in them, or signed along', () => {
    const call = remarkCall(metadata, utf8('x'));
    const [nonce, version] = ['CheckNonce', 'CheckSpecVersion'].map((name) =>
      metadata.extensions.find((extension) => extension.name === name)!,
    );
    for (const [extension, without] of [
      [{ ...nonce!, name: 'ChargeMore' }, ''],
      [{ ...version!, name: 'CheckMore' }, ''],
      [version!, 'CheckTxVersion'],
      [nonce!, 'CheckNonce'],
    ] as const) {
      const extensions = [...metadata.extensions.filter(({ name }) => name !== without), extension];
      const other = Object.create(metadata, { extensions: { value: extensions } }) as RuntimeMetadata;
      expect(() => prepareTransaction(other, call, target(null))).toThrow('transaction-extensions');
    }
  });

  it('sign the hash of a long payload', () => {
    const call = remarkCall(metadata, new Uint8Array(1000), true);
    expect(prepareTransaction(metadata, call, target(null)).payload.length).toBe(32);
    const short = remarkCall(metadata, utf8('x'));
    expect(prepareTransaction(metadata, short, target(null)).payload.length).toBeLessThan(257);
  });

  it('read every recorded extrinsic', () => {
    const calls = states.flatMap(({ extrinsics }) => extrinsics.map((one) => readTransaction(metadata, one)));
    expect(calls.length).toBeGreaterThan(12);
    expect(calls.some(({ pallet, signer: by }) => pallet === 'Timestamp' && by === null)).toBe(true);
    expect(calls.some(({ signer: by }) => by !== null)).toBe(true);
    expect(() => readTransaction(metadata, utf8('no'))).toThrow(DecodeError);
  });

  it('take the state’s nonce as it is, and refuse an account that does not exist', () => {
    const { state } = states[12]!;
    const nobody = accountQuery(metadata, new Uint8Array(32).fill(9));
    expect(() => nextNonce(nobody.decode([state.get(nobody.keys[0]!)]))).toThrow('account');
    const somebody = readTransaction(
      metadata,
      states
        .flatMap(({ extrinsics }) => extrinsics)
        .find((one) => one[1]! > 1 && decodeExtrinsic(one).kind === 'signed')!,
    );
    const query = accountQuery(metadata, somebody.signer!);
    const account = query.decode([state.get(query.keys[0]!)]);
    expect(nextNonce(account, 2)).toBe(BigInt(account.nonce) + 2n);
  });

  it('are priced by the node', async () => {
    const bytes = signTransaction(
      prepareTransaction(metadata, remarkCall(metadata, utf8('x')), target(null)),
      unsignedAs(signer.publicKey),
    );
    const answer = new ScaleWriter().compact(10n).compact(0n).u8(0).u128(123n).bytes();
    const source = {
      stateCall: (method: string, data: Uint8Array) => {
        expect(method).toBe('TransactionPaymentApi_query_info');
        expect(data).toEqual(concat(bytes, littleEndian(bytes.length, 4)));
        return Promise.resolve(answer);
      },
    };
    expect(await estimateFee(source, bytes, states[1]!.hash)).toBe(123n);
    const short = { stateCall: () => Promise.resolve(answer.subarray(1)) };
    await expect(estimateFee(short, bytes, states[1]!.hash)).rejects.toThrow(DecodeError);
  });
});
