/**
 * Content credentials of media (C2PA): signatures that travel inside a picture, as cameras and
 * editors write them. The library reads and writes the format; who signed is judged here, for the format's own rules
 * leave that to whoever checks. Heavy: imported when a file of this kind is signed or checked.
 */
import { BMFF, JPEG, MP3, PNG, type Asset } from '@trustnxt/c2pa-ts/asset';
import { CoseAlgorithmIdentifier, type Signer } from '@trustnxt/c2pa-ts/cose';
import { SuperBox } from '@trustnxt/c2pa-ts/jumbf';
import {
  ActionAssertion,
  ActionType,
  BMFFHashAssertion,
  DataHashAssertion,
  DigitalSourceType,
  IngredientAssertion,
  ManifestStore,
  ValidationResult,
  type Manifest,
} from '@trustnxt/c2pa-ts/manifest';
import { equal } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { StatementAssertion, statementIn } from './c2pa-statement.ts';
import {
  alternativeUris,
  basicConstraints,
  commonNameText,
  decodeCertificate,
  extendedKeyUsage,
  keyUsage,
  type TbsCertificate,
} from './certificate.ts';
import { chainIsOf, chainOf, orderChain, subjectOf, type Chain } from './chain.ts';
import { issueCertificate, LEAF_USAGES, SIGNING_PURPOSES } from './issue.ts';
import type { SigningKey } from './keys.ts';
import { OID } from './oids.ts';
import { describeContent, type Origin, type Provenance } from './provenance.ts';
import { MAX_CERTIFICATES } from './verdict.ts';

const CERTIFICATE_SUFFIX = ' (media)';
const MAX_NAME = 64;
const HASH = 'SHA-256';

const SOURCES: Record<Exclude<Origin, 'unknown'>, DigitalSourceType> = {
  human: DigitalSourceType.DigitalCapture,
  ai: DigitalSourceType.TrainedAlgorithmicMedia,
  mixed: DigitalSourceType.CompositeWithTrainedAlgorithmicMedia,
};

/** Algorithms of the format, by the kind of key. */
const ALGORITHMS = {
  ed25519: CoseAlgorithmIdentifier.Ed25519,
  p256: CoseAlgorithmIdentifier.ES256,
  p384: CoseAlgorithmIdentifier.ES384,
  rsa: CoseAlgorithmIdentifier.PS256,
} as const;

/**
 * Media types that can carry content credentials. MP3 is read only: the library leaves the whole of its tags out of
 * what is signed, so that a title could be changed.
 */
const FORMATS: readonly {
  type: string;
  of: { canRead(bytes: Uint8Array): boolean; new (bytes: Uint8Array): Asset };
  signed: boolean;
}[] = [
  { type: 'image/jpeg', of: JPEG, signed: true },
  { type: 'image/png', of: PNG, signed: true },
  { type: 'image/heic', of: BMFF, signed: true },
  { type: 'audio/mpeg', of: MP3, signed: false },
];

/** Whether a file is of a format that can carry its signature inside. */
export function canHoldSignature(content: Uint8Array): boolean {
  return FORMATS.some(({ of, signed }) => signed && of.canRead(content));
}

function assetOf(content: Uint8Array, signing: boolean): { asset: Asset; type: string } {
  const format = FORMATS.find(({ of, signed }) => of.canRead(content) && (signed || !signing));
  if (format === undefined) {
    throw new Refusal(
      'media-format',
      'no JPEG, PNG or HEIC',
      'Signatures go inside JPEG, PNG and HEIC pictures. Other files have a statement beside them.',
    );
  }
  try {
    return { asset: new format.of(content), type: format.type };
  } catch (error) {
    throw new Refusal(
      'media-format',
      `${format.type}: ${String(error).slice(0, 100)}`,
      'The file is damaged.',
    );
  }
}

export interface MediaDraft {
  /** Certificates of the identity that signs, root first. */
  chain: Chain;
  did: string;
  key: SigningKey;
  /** What is said of the file beside its hash, length and type, and who signs. */
  about: Omit<Provenance, 'contentHash' | 'contentLength' | 'mediaType' | 'did'>;
  /** Milliseconds since the epoch. */
  now: number;
}

/**
 * Signs a media file: the same file with a manifest in it.
 *
 * @throws Refusal `media-format`; `media-signer` where the identity cannot: the format wants a certificate for signing,
 * which an identity that may issue makes for itself, and others have if they were made for it.
 */
export async function signMedia(content: Uint8Array, draft: MediaDraft): Promise<Uint8Array> {
  const { asset, type } = assetOf(content, true);
  if (asset.getManifestJUMBF() !== undefined) {
    throw new Refusal(
      'media-signed',
      'it has a manifest',
      'The file is signed already. Signing it anew would take the first signature away.',
    );
  }
  const signer = await signerOf(draft);
  const store = new ManifestStore();
  const manifest = store.createManifest({
    assetFormat: type,
    instanceID: `xmp:iid:${crypto.randomUUID()}`,
    defaultHashAlgorithm: HASH,
    signer,
  });
  const binding =
    asset instanceof BMFF ? BMFFHashAssertion.createV3('allotment', HASH) : DataHashAssertion.create(HASH);
  manifest.addAssertion(binding);
  manifest.addAssertion(actionsOf(draft.about));
  const { about, did } = draft;
  const described = describeContent(content, { ...about, did, mediaType: type });
  manifest.addAssertion(new StatementAssertion({ ...described, ...about }));
  await asset.ensureManifestSpace(store.measureSize());
  await binding.updateWithAsset(asset);
  await manifest.sign(signer);
  await asset.writeManifestJUMBF(store.getBytes());
  return asset.getDataRange();
}

function actionsOf({ origin, tool }: MediaDraft['about']): ActionAssertion {
  const assertion = new ActionAssertion();
  assertion.actions.push({
    action: ActionType.C2paCreated,
    ...(origin === 'unknown' ? {} : { digitalSourceType: SOURCES[origin] }),
    ...(tool === undefined ? {} : { softwareAgent: { name: tool } as never }),
  });
  return assertion;
}

/** Whether a certificate may sign media by the format's rules: a leaf, made for signing. */
function isForSigning(tbs: TbsCertificate): boolean {
  const purposes = extendedKeyUsage(tbs) ?? [];
  return keyUsage(tbs)?.includes('digitalSignature') === true && purposes.includes(OID.emailProtection);
}

async function signerOf({ chain, did, key, now }: MediaDraft): Promise<Signer> {
  const { tbs } = subjectOf(chain);
  const own = chain.toReversed().map(({ raw }) => raw);
  const issues = basicConstraints(tbs).authority;
  if (!issues && !isForSigning(tbs)) {
    throw new Refusal(
      'media-signer',
      'a leaf without the purpose of signing',
      'The certificate of this identity was not made for signing inside media. Have it renewed by its issuer, or sign with a statement beside the file.',
    );
  }
  const certificates = issues ? [await signingLeaf(tbs, did, key, now), ...own] : own;
  // The library writes nothing of a certificate but its bytes.
  const [certificate, ...chainCertificates] = certificates.map(
    (raw) => ({ rawData: raw.slice().buffer }) as unknown as Signer['certificate'],
  );
  return {
    algorithm: ALGORITHMS[key.algorithm],
    certificate: certificate!,
    chainCertificates,
    sign: (payload) => (key.signPss ?? key.sign)(payload),
  };
}

/** The format takes no signer that may issue, so that such an identity makes a leaf for its own key. */
function signingLeaf(tbs: TbsCertificate, did: string, key: SigningKey, now: number): Promise<Uint8Array> {
  return issueCertificate(key, {
    commonName: `${commonNameText(tbs).slice(0, MAX_NAME - CERTIFICATE_SUFFIX.length)}${CERTIFICATE_SUFFIX}`,
    publicKeyInfo: key.publicKeyInfo,
    issuer: { name: tbs.subject, publicKeyInfo: tbs.publicKeyInfo },
    notBefore: Math.max(tbs.notBefore, now - (now % 1000) - 3_600_000),
    notAfter: tbs.notAfter,
    did,
    authority: null,
    usages: LEAF_USAGES,
    extendedUsages: SIGNING_PURPOSES,
  });
}

/** What a media file says of itself, and that it was not changed since. */
export interface MediaClaims {
  /**
   * Certificates of the Auto ID that signed, root first; null if it was signed under other certificates, of which
   * `name` is all that is shown: nobody here vouches for them.
   */
  signer: { did: string; chain: Chain } | null;
  name: string;
  origin: Origin;
  tool: string | null;
  /** What was done to it, in the format's words, oldest first. */
  actions: string[];
  /** How many earlier versions are named in it. */
  ingredients: number;
  /** What the Auto ID that signed says of the file as it was before, or null. */
  statement: Provenance | null;
}

/**
 * Checks a media file against the manifest in it: every hash and the signature.
 *
 * @throws Refusal `media-unsigned`, `media-format`, or `media-` with the status code of C2PA that failed.
 */
export async function verifyMedia(content: Uint8Array): Promise<MediaClaims> {
  const { asset } = assetOf(content, false);
  const manifest = await activeManifest(asset);
  requireWhole(asset, manifest);
  const { certificate, chainCertificates = [] } = manifest.signature?.signatureData ?? {};
  if (certificate === undefined || chainCertificates.length >= MAX_CERTIFICATES)
    throw new Refusal(
      'media-signingCredential.invalid',
      'certificates',
      'The signature names no usable certificate.',
    );
  const ders = [certificate, ...chainCertificates].map(({ rawData }) => new Uint8Array(rawData));
  const signer = autoIdOf(ders);
  const actions = manifest.assertions?.assertions.filter((one) => one instanceof ActionAssertion) ?? [];
  const all = actions.flatMap((assertion) => assertion.actions);
  const created = all.find(({ digitalSourceType }) => digitalSourceType !== undefined);
  const agent: unknown = all.find(({ softwareAgent }) => softwareAgent !== undefined)?.softwareAgent;
  return {
    signer,
    name: nameOf(ders[0]!),
    origin: originOf(created?.digitalSourceType),
    tool: agentName(agent),
    actions: all.map(({ action }) => action.slice(0, 100)),
    ingredients:
      manifest.assertions?.assertions.filter((one) => one instanceof IngredientAssertion).length ?? 0,
    statement: signer === null ? null : statementIn(manifest, content, signer.did),
  };
}

async function activeManifest(asset: Asset): Promise<Manifest> {
  const jumbf = asset.getManifestJUMBF();
  if (jumbf === undefined)
    throw new Refusal('media-unsigned', 'no manifest', 'There is no signature inside this file.');
  let store: ManifestStore;
  let result: ValidationResult;
  try {
    store = ManifestStore.read(SuperBox.fromBuffer(new Uint8Array(jumbf)));
    result = await store.validate(asset);
  } catch (error) {
    throw new Refusal(
      'media-malformed',
      String(error).slice(0, 200),
      'The signature inside this file is damaged.',
    );
  }
  const failed = result.statusEntries.find(({ success }) => !success);
  const manifest = store.getActiveManifest();
  if (!result.isValid || failed !== undefined || manifest === undefined) {
    const code = failed?.code ?? 'malformed';
    const changed = /mismatch|hash/i.test(code);
    throw new Refusal(
      `media-${code}`,
      failed?.explanation ?? code,
      changed
        ? 'The file was changed after it was signed.'
        : `The signature inside this file does not hold (${code}).`,
    );
  }
  return manifest;
}

/** Bytes around a manifest: headers of the chunk, and of each segment where it is cut into such. */
const HEADER_BYTES = 160;
const SEGMENT_BYTES = 60_000;
const SEGMENT_HEADER_BYTES = 32;

/** Refuses a signature that leaves more of the file out than the manifest itself. */
function requireWhole(asset: Asset, manifest: Manifest): void {
  const { length } = asset.getManifestJUMBF()!;
  const most = length + HEADER_BYTES + SEGMENT_HEADER_BYTES * Math.ceil(length / SEGMENT_BYTES);
  for (const assertion of manifest.assertions?.assertions ?? []) {
    if (!(assertion instanceof DataHashAssertion)) continue;
    const left = assertion.exclusions.reduce((sum, range) => sum + range.length, 0);
    if (left > most)
      throw new Refusal(
        'media-exclusions',
        `${left} bytes where the manifest has ${length}`,
        'The signature inside this file leaves parts of the file out, which may have been changed.',
      );
  }
}

/**
 * The Auto ID behind certificates: the one that the first of them is, or one that made the first for its own key, under
 * the identifier that it names. Null where they are of another kind.
 */
function autoIdOf(ders: readonly Uint8Array[]): MediaClaims['signer'] {
  try {
    const [leaf, ...above] = ders;
    const { tbs } = decodeCertificate(leaf!);
    const whole = chainOf(orderChain(ders).map(({ raw }) => raw));
    const itself = alternativeUris(tbs).find((uri) => chainIsOf(whole, uri));
    if (itself !== undefined) return { did: itself, chain: whole };
    const chain = chainOf(orderChain(above).map(({ raw }) => raw));
    const { tbs: owner } = subjectOf(chain);
    const did = alternativeUris(tbs).find((uri) => chainIsOf(chain, uri));
    const own = equal(tbs.publicKeyInfo, owner.publicKeyInfo) && equal(tbs.issuer, owner.subject);
    return did !== undefined && own ? { did, chain } : null;
  } catch (error) {
    // Certificates of cameras and editors are not held to the rules of Auto IDs.
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

function nameOf(der: Uint8Array): string {
  try {
    return commonNameText(decodeCertificate(der).tbs).slice(0, 200);
  } catch (error) {
    if (error instanceof ProtocolError) return '';
    throw error;
  }
}

function originOf(source: string | undefined): Origin {
  const known = Object.entries(SOURCES).find(([, one]) => one === source);
  return (known?.[0] as Origin | undefined) ?? 'unknown';
}

function agentName(agent: unknown): string | null {
  if (typeof agent === 'string') return agent.slice(0, 200);
  const name = typeof agent === 'object' && agent !== null && 'name' in agent ? agent.name : null;
  return typeof name === 'string' ? name.slice(0, 200) : null;
}
