/** Commands that carry identities in and out of files. */
import { toHex, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { commonNameText } from './certificate.ts';
import { chainToPem, orderChain, readChain, subjectOf, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { storedChain } from './identity-records.ts';
import { identityView, type IdentityView } from './identity-view.ts';
import { keepOwn, refuseOtherKey, refuseTaken, requireSound } from './keep-identity.ts';
import { decodePem } from './pem.ts';
import { decryptPkcs8, importPrivateKey } from './private-key.ts';

export interface FileView {
  name: string;
  type: string;
  content: Uint8Array;
}

/** Commands, for one wallet. */
export function identityFileCommands(context: IdentityContext) {
  return {
    /**
     * Takes in an identity from a file: PEM or DER certificates, with a key in the same file or another, or a
     * PKCS#12 file. Without a key it is somebody else's.
     */
    async importIdentity(input: {
      file: Uint8Array;
      keyFile?: Uint8Array;
      password?: string;
      name?: string;
    }): Promise<IdentityView> {
      const { chain, pkcs8 } = await readIdentityFile(input.file, input.keyFile, input.password);
      const { tbs } = subjectOf(chain);
      const name = input.name?.trim() || commonNameText(tbs);
      requireSound(await context.judge(chain));
      if (pkcs8 === null) {
        const did = context.didOf(chain);
        refuseTaken(context, did);
        refuseOtherKey(context, did, chain);
        const other = {
          role: 'other' as const,
          did,
          name,
          chain: storedChain(chain),
          created: context.now(),
        };
        await context.putIdentity(other);
        return identityView(context, other);
      }
      const key = await importPrivateKey(pkcs8);
      if (toHex(key.publicKeyInfo) !== toHex(tbs.publicKeyInfo)) {
        throw new Refusal(
          'key-mismatch',
          'the key is not the certificate’s',
          'The key in this file does not belong to the certificate.',
        );
      }
      refuseTaken(context, context.didOf(chain));
      return identityView(context, await keepOwn(context, chain, await context.keepKey(pkcs8), name, null));
    },

    /** An identity as a file: `pem` and `der` without the key, `p12` with it under a password. */
    async exportIdentity(input: {
      did: string;
      format: 'pem' | 'der' | 'p12';
      password?: string;
    }): Promise<FileView> {
      const identity = context.known(input.did) ?? context.own(input.did);
      const chain = context.chainOf(identity);
      const base = identity.name.replaceAll(/[^\p{L}\p{N}]+/gu, '-').slice(0, 40) || 'identity';
      if (input.format === 'der') {
        const content = subjectOf(chain).raw.slice();
        return { name: `${base}.cer`, type: 'application/pkix-cert', content };
      }
      if (input.format === 'pem') {
        return { name: `${base}.pem`, type: 'application/x-pem-file', content: utf8(chainToPem(chain)) };
      }
      const { key } = context.own(input.did);
      if ((input.password ?? '').length < 8)
        throw new Refusal('weak-password', 'too short', 'The password needs at least 8 characters.');
      const certificates = chain.toReversed().map(({ raw }) => raw);
      const { encodePkcs12 } = await import('./pkcs12.ts');
      const content = await encodePkcs12({ privateKey: context.pkcs8Of(key), certificates }, input.password!);
      return { name: `${base}.p12`, type: 'application/x-pkcs12', content };
    },
  };
}

async function readIdentityFile(
  file: Uint8Array,
  keyFile: Uint8Array | undefined,
  password: string | undefined,
): Promise<{ chain: Chain; pkcs8: Uint8Array | null }> {
  const given = password ?? '';
  if (file[0] === 0x30 && isPkcs12(file)) {
    const { decodePkcs12 } = await import('./pkcs12.ts');
    const { privateKey, certificates } = await decodePkcs12(file, given);
    return { chain: orderChain(certificates), pkcs8: privateKey };
  }
  const chain = readChain(file);
  const keys = file[0] === 0x30 ? null : await keyIn(file, given);
  return { chain, pkcs8: keys ?? (keyFile === undefined ? null : await requireKey(keyFile, given)) };
}

/** A PKCS#12 file begins with its version, a certificate with another sequence. */
function isPkcs12(file: Uint8Array): boolean {
  const content = file[1]! < 0x80 ? 2 : 2 + (file[1]! & 0x7f);
  return file[content] === 0x02;
}

async function keyIn(file: Uint8Array, password: string): Promise<Uint8Array | null> {
  for (const { label, der } of decodePem(new TextDecoder().decode(file))) {
    if (label === 'PRIVATE KEY') return der;
    if (label === 'ENCRYPTED PRIVATE KEY') return decryptPkcs8(der, password);
  }
  return null;
}

async function requireKey(file: Uint8Array, password: string): Promise<Uint8Array> {
  if (file[0] === 0x30) {
    const isPlain = file[file[1]! < 0x80 ? 2 : 2 + (file[1]! & 0x7f)] === 0x02;
    return isPlain ? file : decryptPkcs8(file, password);
  }
  const key = await keyIn(file, password);
  if (key === null) throw new Refusal('private-key', 'no key in the file', 'This file holds no key.');
  return key;
}
