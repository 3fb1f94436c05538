/**
 * BBS signatures over BLS12-381 with SHA-256 (draft-irtf-cfrg-bbs-signatures), signed over messages that the holder
 * commits to without telling them (draft-irtf-cfrg-bbs-blind-signatures). Names of operations and values are the
 * drafts'. A proof may come with a pseudonym of one hidden message and with commitments to others, all under one
 * challenge; without them it is byte for byte the drafts' proof.
 */
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { concat, utf8 } from '../protocol/bytes.ts';
import {
  countOctets,
  createGenerators,
  Fr,
  fresh,
  G1,
  G2,
  hashToScalar,
  P1,
  pointOf,
  publicKeyPoint,
  Reader,
  refused,
  scalarOctets,
  sum,
  times,
  timesPublic,
  randomScalar,
  type Randomness,
} from './bbs-group.ts';

/** What a signature is made under, known to everybody. */
export interface Terms {
  publicKey: Uint8Array;
  header: Uint8Array;
  /** Identifier of the interface (`api_id`), which keeps its hashes apart from those of all others. */
  apiId: string;
  /** Q_1 and the generators of the messages. Of a blind signature: H_1 …, Q_2 for the blinding factor, J_1 … */
  generators: readonly G1[];
}

/** Generators for `known` messages of the signer and, behind them, the blinding factor and `hidden` of the holder. */
export function blindGenerators(known: number, hidden: number, apiId: string): G1[] {
  return [...createGenerators(known + 1, apiId), ...createGenerators(hidden + 1, `BLIND_${apiId}`)];
}

function domainOf({ publicKey, header, apiId, generators }: Terms): bigint {
  const octets = concat(
    publicKey,
    countOctets(generators.length - 1),
    ...generators.map((point) => point.toBytes()),
    utf8(apiId),
    countOctets(header.length),
    header,
  );
  return hashToScalar(octets, `${apiId}H2S_`);
}

/** B without the messages that are left out as null: P1 + Q_1·domain + Σ H_i·msg_i. */
function base(terms: Terms, domain: bigint, messages: readonly (bigint | null)[], product = times): G1 {
  const [q1, ...points] = terms.generators;
  return points.reduce(
    (total, point, index) => {
      const message = messages[index] ?? null;
      return message === null ? total : total.add(product(point, message));
    },
    P1.add(timesPublic(q1!, domain)),
  );
}

/** A holder's commitment to messages that the signer does not learn, and the factor that hides them. */
export interface Commitment {
  /** `commitment_with_proof`. */
  octets: Uint8Array;
  /** `secret_prover_blind`. */
  blind: bigint;
}

function commitmentChallenge(points: readonly G1[], commitment: G1, announced: G1, apiId: string): bigint {
  const octets = [...points, commitment, announced].map((point) => point.toBytes());
  return hashToScalar(concat(countOctets(points.length - 1), ...octets), `${apiId}H2S_`);
}

/** Commits to messages and proves that one knows them (`Commit`). */
export function commitTo(messages: readonly bigint[], apiId: string, random: Randomness = fresh): Commitment {
  const points = createGenerators(messages.length + 1, `BLIND_${apiId}`);
  const [blind, ...nonces] = random(messages.length + 2) as [bigint, ...bigint[]];
  const secrets = [blind, ...messages];
  const commitment = sum(points, secrets);
  const challenge = commitmentChallenge(points, commitment, sum(points, nonces), apiId);
  const responses = secrets.map((secret, index) => Fr.create(nonces[index]! + secret * challenge));
  const octets = concat(commitment.toBytes(), ...responses.map(scalarOctets), scalarOctets(challenge));
  return { octets, blind };
}

/** The point of a commitment to `count` messages whose proof holds. Throws Refusal `bbs-commitment`. */
export function openCommitment(octets: Uint8Array, count: number, apiId: string): G1 {
  const reader = new Reader(octets, 'commitment');
  const commitment = reader.point();
  const responses = reader.scalars(count + 1);
  const challenge = reader.scalar();
  reader.end();
  const points = createGenerators(count + 1, `BLIND_${apiId}`);
  const announced = sum(points, responses, timesPublic).subtract(timesPublic(commitment, challenge));
  if (commitmentChallenge(points, commitment, announced, apiId) !== challenge)
    refused(
      'commitment',
      'its proof does not hold',
      'Whoever made this request does not know what is in it.',
    );
  return commitment;
}

/** Signs the signer's messages together with a commitment that was opened (`BlindSign`). 80 bytes. */
export function blindSign(
  secret: bigint,
  terms: Terms,
  messages: readonly bigint[],
  commitment: G1,
): Uint8Array {
  const b = base(terms, domainOf(terms), messages).add(commitment);
  // The draft's text hashes the domain once more; its vectors do not, and B depends on it anyway.
  const e = hashToScalar(concat(scalarOctets(secret), b.toBytes()), `${terms.apiId}H2S_`);
  return concat(times(b, Fr.inv(Fr.add(secret, e))).toBytes(), scalarOctets(e));
}

function readSignature(signature: Uint8Array): { a: G1; e: bigint } {
  const reader = new Reader(signature, 'signature');
  const read = { a: reader.point(), e: reader.scalar() };
  reader.end();
  return read;
}

function pairsTo(a: G1, publicKey: Uint8Array, b: G1): boolean {
  const product = bls12_381.pairingBatch([
    { g1: a, g2: publicKeyPoint(publicKey) },
    { g1: b.negate(), g2: G2.BASE },
  ]);
  return bls12_381.fields.Fp12.eql(product, bls12_381.fields.Fp12.ONE);
}

/** Whether a signature is over exactly these messages (`Verify`). Throws Refusal for malformed bytes. */
export function verifySignature(terms: Terms, messages: readonly bigint[], signature: Uint8Array): boolean {
  const { a, e } = readSignature(signature);
  if (messages.length !== terms.generators.length - 1) return false;
  const b = base(terms, domainOf(terms), messages).subtract(timesPublic(a, e));
  return !b.is0() && pairsTo(a, terms.publicKey, b);
}

/** What is shown of a signed list of messages besides those that are told. */
export interface Extension {
  /** A message, by its index, whose pseudonym under a scope is shown. */
  pseudonym: { index: number; scope: Uint8Array };
  /** Hidden messages to which fresh commitments are shown, by index, ascending. */
  committed: readonly number[];
}

/** A commitment to a hidden message: Y_0·factor + Y_1·message. */
export interface ShownCommitment {
  point: G1;
  factor: bigint;
}

export interface Proof {
  /** The drafts' proof. */
  octets: Uint8Array;
  /** 48 bytes; empty without an extension. */
  pseudonym: Uint8Array;
  /** For each committed message its point and the response to the challenge, 80 bytes. */
  commitments: Uint8Array[];
}

/** Y_0 and Y_1, of which commitments to hidden messages are made. */
export function commitmentBases(apiId: string): [factor: G1, message: G1] {
  return createGenerators(2, `COM_DIS_${apiId}`) as [G1, G1];
}

function scopePoint(scope: Uint8Array, apiId: string): G1 {
  return bls12_381.G1.hashToCurve(scope, { DST: `${apiId}PSEUDONYM_` }) as G1;
}

interface Announced {
  /** Abar, Bbar, D, T1, T2. */
  points: readonly G1[];
  domain: bigint;
  /** Pseudonym, its base and its first message; for each commitment itself and its first message. */
  extension: readonly G1[];
}

function proofChallenge(
  terms: Terms,
  disclosed: readonly (bigint | null)[],
  { points, domain, extension }: Announced,
  committed: readonly number[],
  presentationHeader: Uint8Array,
): bigint {
  const told = disclosed.flatMap((message, index) => (message === null ? [] : [{ message, index }]));
  const octets = concat(
    countOctets(told.length),
    ...told.flatMap(({ message, index }) => [countOctets(index), scalarOctets(message)]),
    ...points.map((point) => point.toBytes()),
    scalarOctets(domain),
    ...(extension.length === 0
      ? []
      : [countOctets(committed.length), ...committed.map(countOctets), ...extension.map((p) => p.toBytes())]),
    countOctets(presentationHeader.length),
    presentationHeader,
  );
  return hashToScalar(octets, `${terms.apiId}H2S_`);
}

/**
 * Proves a signature over `messages`, telling those that are in `disclosed` (null: kept back). Every proof is fresh:
 * two of one signature have nothing in common but what they tell.
 */
export function prove(
  terms: Terms,
  signature: Uint8Array,
  messages: readonly bigint[],
  disclosed: readonly boolean[],
  presentationHeader: Uint8Array,
  extension?: Extension,
  random: Randomness = fresh,
): Proof & { openings: ShownCommitment[] } {
  const { a, e } = readSignature(signature);
  const hidden = messages.flatMap((_, index) => (disclosed[index] === true ? [] : [index]));
  const [r1, r2, eNonce, r1Nonce, r3Nonce, ...nonces] = random(5 + hidden.length) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    ...bigint[],
  ];
  const nonceOf = (index: number) => nonces[hidden.indexOf(index)]!;
  const domain = domainOf(terms);
  const d = times(base(terms, domain, messages), r2);
  const aBar = times(a, Fr.mul(r1, r2));
  const bBar = times(d, r1).subtract(times(aBar, e));
  const t1 = times(aBar, eNonce).add(times(d, r1Nonce));
  const points = terms.generators.slice(1);
  const t2 = hidden.reduce(
    (total, index) => total.add(times(points[index]!, nonceOf(index))),
    times(d, r3Nonce),
  );

  const scope = extension === undefined ? null : scopePoint(extension.pseudonym.scope, terms.apiId);
  const pseudonym = scope === null ? null : times(scope, messages[extension!.pseudonym.index]!);
  const bases = commitmentBases(terms.apiId);
  const committed = (extension?.committed ?? []).map((index) => {
    const [factor, nonce] = [randomScalar(), randomScalar()];
    const point = sum(bases, [factor, messages[index]!]);
    return { point, factor, nonce, announced: sum(bases, [nonce, nonceOf(index)]) };
  });
  const extra =
    scope === null
      ? []
      : [
          pseudonym!,
          scope,
          times(scope, nonceOf(extension!.pseudonym.index)),
          ...committed.flatMap(({ point, announced }) => [point, announced]),
        ];
  const challenge = proofChallenge(
    terms,
    messages.map((message, index) => (disclosed[index] === true ? message : null)),
    { points: [aBar, bBar, d, t1, t2], domain, extension: extra },
    extension?.committed ?? [],
    presentationHeader,
  );
  const responses = [
    Fr.create(eNonce + e * challenge),
    Fr.create(r1Nonce - r1 * challenge),
    Fr.create(r3Nonce - Fr.inv(r2) * challenge),
    ...hidden.map((index) => Fr.create(nonceOf(index) + messages[index]! * challenge)),
    challenge,
  ];
  return {
    octets: concat(...[aBar, bBar, d].map((point) => point.toBytes()), ...responses.map(scalarOctets)),
    pseudonym: pseudonym?.toBytes() ?? new Uint8Array(),
    commitments: committed.map(({ point, factor, nonce }) =>
      concat(point.toBytes(), scalarOctets(Fr.create(nonce + factor * challenge))),
    ),
    openings: committed.map(({ point, factor }) => ({ point, factor })),
  };
}

/**
 * Whether a proof shows a signature over the messages that are told (null: kept back), and whether its pseudonym and
 * commitments are of that signature's hidden messages. Throws Refusal for malformed bytes.
 */
export function verifyProof(
  terms: Terms,
  proof: Proof,
  disclosed: readonly (bigint | null)[],
  presentationHeader: Uint8Array,
  extension?: Extension,
): boolean {
  if (disclosed.length !== terms.generators.length - 1) return false;
  const hidden = disclosed.flatMap((message, index) => (message === null ? [index] : []));
  const reader = new Reader(proof.octets, 'proof');
  const [aBar, bBar, d] = [reader.point(), reader.point(), reader.point()];
  const [eResponse, r1Response, r3Response] = reader.scalars(3) as [bigint, bigint, bigint];
  const responses = reader.scalars(hidden.length);
  const challenge = reader.scalar();
  reader.end();
  const responseOf = (index: number) => {
    const at = hidden.indexOf(index);
    return at < 0 ? refused('extension', `message ${index} is told`) : responses[at]!;
  };
  const domain = domainOf(terms);
  const t1 = sum([bBar, aBar, d], [challenge, eResponse, r1Response], timesPublic);
  const points = terms.generators.slice(1);
  const t2 = hidden.reduce(
    (total, index) => total.add(timesPublic(points[index]!, responseOf(index))),
    timesPublic(base(terms, domain, disclosed, timesPublic), challenge).add(timesPublic(d, r3Response)),
  );
  const extra = extension === undefined ? [] : announcedAgain(terms, proof, extension, challenge, responseOf);
  const again = proofChallenge(
    terms,
    disclosed,
    { points: [aBar, bBar, d, t1, t2], domain, extension: extra },
    extension?.committed ?? [],
    presentationHeader,
  );
  return again === challenge && pairsTo(aBar, terms.publicKey, bBar);
}

function announcedAgain(
  { apiId }: Terms,
  proof: Proof,
  { pseudonym, committed }: Extension,
  challenge: bigint,
  responseOf: (index: number) => bigint,
): G1[] {
  const shown = pointOf(proof.pseudonym, 'pseudonym');
  const scope = scopePoint(pseudonym.scope, apiId);
  const first = timesPublic(scope, responseOf(pseudonym.index)).subtract(timesPublic(shown, challenge));
  if (proof.commitments.length !== committed.length)
    refused('extension', `${proof.commitments.length} commitments for ${committed.length} messages`);
  const bases = commitmentBases(apiId);
  const commitments = committed.flatMap((index, at) => {
    const reader = new Reader(proof.commitments[at]!, 'commitment');
    const [point, response] = [reader.point(), reader.scalar()];
    reader.end();
    const announced = sum(bases, [response, responseOf(index)], timesPublic);
    return [point, announced.subtract(timesPublic(point, challenge))];
  });
  return [shown, scope, first, ...commitments];
}
