import * as independent from '@digitalbazaar/bbs-signatures';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../tests/support/bbs-vectors.json' with { type: 'json' };
import { concat, fromHex, toHex, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import {
  CIPHERSUITE,
  createGenerators,
  isPublicKey,
  messageScalar,
  publicKeyOf,
  randomScalar,
  secretKeyOf,
} from './bbs-group.ts';
import {
  blindGenerators,
  blindSign,
  commitTo,
  openCommitment,
  prove,
  verifyProof,
  verifySignature,
  type Extension,
  type Proof,
  type Terms,
} from './bbs.ts';
import { bigEndian } from './der.ts';

const CORE = `${CIPHERSUITE}H2G_HM2S_`;
const BLIND = `${CIPHERSUITE}BLIND_H2G_HM2S_`;
const number = (hex: string) => BigInt(`0x${hex}`);
const scalars = (messages: readonly string[], apiId: string) =>
  messages.map((message) => messageScalar(fromHex(message), apiId));
const given = (random: readonly string[]) => () => random.map(number);
const none = new Uint8Array();

const termsOf = (
  given: { publicKey: string; header: string },
  generators: Terms['generators'],
  apiId: string,
) => ({
  publicKey: fromHex(given.publicKey),
  header: fromHex(given.header),
  apiId,
  generators,
});

/** What the check says, or the rule that refused the bytes. */
function outcome(check: () => boolean): boolean | string {
  try {
    return check();
  } catch (error) {
    if (error instanceof Refusal) return error.rule;
    throw error;
  }
}

describe('BBS as the draft has it', () => {
  it('makes its keys, generators and scalars', () => {
    const { key, generators } = vectors;
    const secret = secretKeyOf(
      fromHex(key.material),
      fromHex(key.info),
      new TextDecoder().decode(fromHex(key.dst)),
    );
    expect(secret).toBe(number(key.secret));
    expect(toHex(publicKeyOf(secret))).toBe(key.public);
    expect(createGenerators(11, CORE).map((point) => toHex(point.toBytes()))).toEqual([
      generators.Q1,
      ...generators.MsgGenerators,
    ]);
    const { Q1, MsgGenerators } = vectors.blindGenerators;
    expect(createGenerators(6, `BLIND_${BLIND}`).map((point) => toHex(point.toBytes()))).toEqual([
      Q1,
      ...MsgGenerators,
    ]);
    for (const { message, scalar } of vectors.messageScalars)
      expect(messageScalar(fromHex(message), CORE)).toBe(number(scalar));
  });

  it.each(vectors.signatures)('checks a signature: $name', (one) => {
    const terms = termsOf(one, createGenerators(one.messages.length + 1, CORE), CORE);
    const found = outcome(() => verifySignature(terms, scalars(one.messages, CORE), fromHex(one.signature)));
    expect(found === true).toBe(one.valid);
  });

  it.each(vectors.proofs)('makes and checks a proof: $name', (one) => {
    const terms = termsOf(one, createGenerators(one.messages.length + 1, CORE), CORE);
    const told = new Set(one.disclosed);
    const messages = scalars(one.messages, CORE);
    const header = fromHex(one.presentationHeader);
    const proof = { octets: fromHex(one.proof), pseudonym: none, commitments: [] };
    const shown = messages.map((message, index) => (told.has(index) ? message : null));
    expect(outcome(() => verifyProof(terms, proof, shown, header)) === true).toBe(one.valid);
    if (!one.valid) return;
    const disclosed = messages.map((_, index) => told.has(index));
    const made = prove(
      terms,
      fromHex(one.signature),
      messages,
      disclosed,
      header,
      undefined,
      given(one.random),
    );
    expect(toHex(made.octets)).toBe(one.proof);
  });
});

describe('blind BBS as the draft has it', () => {
  it.each(vectors.commitments)('commits to messages', (one) => {
    const made = commitTo(scalars(one.messages, BLIND), BLIND, given(one.random));
    expect(made.blind).toBe(number(one.blind));
    expect(toHex(made.octets)).toBe(one.octets);
    expect(openCommitment(made.octets, one.messages.length, BLIND).is0()).toBe(false);
  });

  it.each(vectors.blindSignatures.filter(({ commitment }) => commitment !== null))('signs: $name', (one) => {
    const committed = one.committed ?? [];
    const terms = termsOf(one, blindGenerators(one.messages.length, committed.length, BLIND), BLIND);
    const messages = scalars(one.messages, BLIND);
    const commitment = openCommitment(fromHex(one.commitment!), committed.length, BLIND);
    const signature = blindSign(number(one.secret), terms, messages, commitment);
    expect(toHex(signature)).toBe(one.signature);
    const all = [...messages, number(one.blind!), ...scalars(committed, BLIND)];
    expect(verifySignature(terms, all, signature)).toBe(true);
  });

  it.each(vectors.blindProofs.filter(({ blind }) => blind !== null))('checks a proof: $name', (one) => {
    const told = new Map(Object.entries(one.revealed).map(([at, text]) => [Number(at), text as string]));
    const own = new Map(
      Object.entries(one.revealedCommitted ?? {}).map(([at, text]) => [Number(at), text as string]),
    );
    const committed = one.random.length - 6 - (one.known - told.size) + own.size;
    const terms = termsOf(one, blindGenerators(one.known, committed, BLIND), BLIND);
    const scalarAt = (from: Map<number, string>) => (at: number) =>
      from.has(at) ? messageScalar(fromHex(from.get(at)!), BLIND) : null;
    const shown = [
      ...Array.from({ length: one.known }, (_, at) => scalarAt(told)(at)),
      null,
      ...Array.from({ length: committed }, (_, at) => scalarAt(own)(at)),
    ];
    const proof = { octets: fromHex(one.proof), pseudonym: none, commitments: [] };
    expect(verifyProof(terms, proof, shown, fromHex(one.presentationHeader))).toBe(one.valid);
  });
});

describe('BBS', () => {
  const secret = secretKeyOf(new Uint8Array(32).fill(7));
  const publicKey = publicKeyOf(secret);
  const header = utf8('header');
  const texts = ['one', 'two', 'three', ''].map(utf8);

  it('agrees with an independent implementation', async () => {
    const ciphersuite = independent.CIPHERSUITES.BLS12381_SHA256;
    const theirs = await independent.generateKeyPair({ seed: new Uint8Array(32).fill(9), ciphersuite });
    const signed = { publicKey: theirs.publicKey, header, messages: texts, ciphersuite };
    const signature = await independent.sign({ ...signed, secretKey: theirs.secretKey });
    const generators = createGenerators(texts.length + 1, CORE);
    const terms = { publicKey: theirs.publicKey, header, apiId: CORE, generators };
    const messages = texts.map((text) => messageScalar(text, CORE));
    expect(verifySignature(terms, messages, signature)).toBe(true);
    const presentationHeader = utf8('nonce');
    const { octets } = prove(terms, signature, messages, [true, false, false, true], presentationHeader);
    const checked = {
      ...signed,
      proof: octets,
      presentationHeader,
      disclosedMessages: [texts[0]!, texts[3]!],
      disclosedMessageIndexes: [0, 3],
    };
    expect(await independent.verifyProof(checked)).toBe(true);
    expect(await independent.verifyProof({ ...checked, presentationHeader: header })).toBe(false);
    const proof = await independent.deriveProof({
      ...signed,
      signature,
      presentationHeader,
      disclosedMessageIndexes: [1],
    });
    const told = [null, messages[1]!, null, null];
    const given = { octets: proof, pseudonym: none, commitments: [] };
    expect(verifyProof(terms, given, told, presentationHeader)).toBe(true);
  });

  describe('of hidden messages', () => {
    const hidden = [randomScalar()];
    const { octets, blind } = commitTo(hidden, BLIND);
    const terms = { publicKey, header, apiId: BLIND, generators: blindGenerators(texts.length, 1, BLIND) };
    const messages = texts.map((text) => messageScalar(text, BLIND));
    const signature = blindSign(secret, terms, messages, openCommitment(octets, 1, BLIND));
    const all = [...messages, blind, ...hidden];
    const disclosed = [true, false, false, true, false, false];
    const told = all.map((message, index) => (disclosed[index] ? message : null));
    const extension: Extension = { pseudonym: { index: 5, scope: utf8('scope') }, committed: [1, 2] };
    const proof = prove(terms, signature, all, disclosed, header, extension);
    const check = (
      changed: Partial<Proof>,
      shown = told,
      how: { terms?: Terms; header?: Uint8Array; extension?: Extension } = {},
    ) =>
      outcome(() =>
        verifyProof(
          how.terms ?? terms,
          { ...proof, ...changed },
          shown,
          how.header ?? header,
          how.extension ?? extension,
        ),
      );

    it('is proved with a pseudonym and commitments', () => {
      expect(check({})).toBe(true);
    });

    it('is refused with anything exchanged', () => {
      const other = prove(terms, signature, all, disclosed, header, extension);
      const swapped = [...proof.commitments].reverse();
      const findings = [
        check({ pseudonym: other.commitments[0]!.subarray(0, 48) }),
        check({ commitments: swapped }),
        check({ commitments: other.commitments }),
        check({ commitments: proof.commitments.slice(1) }),
        check({ octets: other.octets, commitments: proof.commitments }),
        check({}, told.with(0, randomScalar())),
        check({}, told.with(0, null)),
        check({}, told.with(1, messages[1]!)),
        check({}, told, { header: utf8('other') }),
        check({}, told, { terms: { ...terms, header: utf8('other') } }),
        check({}, told, { terms: { ...terms, publicKey: publicKeyOf(3n) } }),
        check({}, told, { extension: { ...extension, committed: [1, 4] } }),
        check({}, told, { extension: { ...extension, pseudonym: { index: 4, scope: utf8('scope') } } }),
        check({}, told, { extension: { ...extension, pseudonym: { index: 5, scope: utf8('else') } } }),
      ];
      expect(findings.filter((found) => found === true)).toEqual([]);
    });

    it('is refused with any bit changed', () => {
      const whole = [proof.octets, proof.pseudonym, ...proof.commitments];
      fc.assert(
        fc.property(fc.nat(whole.length - 1), fc.nat(1000), fc.nat(7), (part, byte, bit) => {
          const changed = whole.map((octets) => octets.slice());
          const octets = changed[part]!;
          octets[byte % octets.length]! ^= 1 << bit;
          const [first, pseudonym, ...commitments] = changed as [Uint8Array, Uint8Array, ...Uint8Array[]];
          expect(check({ octets: first, pseudonym, commitments })).not.toBe(true);
        }),
        { numRuns: 25 },
      );
    });

    it('is refused for points outside the group and for keys that are none', () => {
      // The identity, in its compressed form.
      const identity = new Uint8Array(48);
      identity[0] = 0xc0;
      expect(check({ pseudonym: identity })).toBe('bbs-pseudonym');
      // The point (0, 2) of the curve, of order 3.
      const outside = new Uint8Array(48);
      outside[0] = 0x80;
      expect(check({ pseudonym: outside })).toBe('bbs-pseudonym');
      expect(check({ octets: concat(outside, proof.octets.subarray(48)) })).toBe('bbs-proof');
      expect(check({ octets: proof.octets.slice(1) })).toBe('bbs-proof');
      const nobody = new Uint8Array(96);
      nobody[0] = 0xc0;
      expect(check({}, told, { terms: { ...terms, publicKey: nobody } })).not.toBe(true);
      expect([publicKey, nobody].map(isPublicKey)).toEqual([true, false]);
      // Every other x is one of the curve, and nearly no point of the curve is one of the group.
      for (let x = 0; x < 16; x += 1) {
        const foreign = new Uint8Array(96);
        foreign.set([0x80]);
        foreign.set([x], 95);
        expect(isPublicKey(foreign)).toBe(false);
      }
      const strange = octets.slice();
      strange[100]! ^= 1;
      expect(outcome(() => openCommitment(strange, 1, BLIND).is0())).toBe('bbs-commitment');
      expect(outcome(() => openCommitment(octets, 2, BLIND).is0())).toBe('bbs-commitment');
    });

    it('is refused in any other form of the same numbers, and for other messages than its own', () => {
      const more = (bytes: Uint8Array) => concat(bytes, new Uint8Array(1));
      expect(check({ octets: more(proof.octets) })).toBe('bbs-proof');
      expect(check({ commitments: proof.commitments.map(more) })).toBe('bbs-commitment');
      expect(outcome(() => openCommitment(more(octets), 1, BLIND).is0())).toBe('bbs-commitment');
      expect(outcome(() => verifySignature(terms, all, more(signature)))).toBe('bbs-signature');
      const order = bls12_381.fields.Fr.ORDER;
      const last = number(toHex(proof.octets.subarray(-32)));
      for (const scalar of [last + order, order, 0n]) {
        const changed = concat(proof.octets.slice(0, -32), bigEndian(scalar, 32));
        expect(check({ octets: changed })).toBe('bbs-proof');
      }
      expect(check({ commitments: [...proof.commitments, proof.commitments[0]!] })).toBe('bbs-extension');
      for (const shown of [[...told, 5n], told.slice(0, -1)]) expect(check({}, shown)).toBe(false);
      for (const messages of [[...all, 5n], all.slice(0, -1)])
        expect(verifySignature(terms, messages, signature)).toBe(false);
    });
  });
});
