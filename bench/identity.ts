/** Figures of wallet and identities: unlock, issue, present, verify, predicates. */
import { predicates } from '../src/identity/predicate.ts';
import { ed25519Key, jwkOf } from '../src/identity/keys.ts';
import { keyIdOf } from '../src/identity/did.ts';
import { endorseKey } from '../src/identity/endorsed-keys.ts';
import { issueSdJwt, presentSdJwt, verifySdJwt } from '../src/identity/sd-jwt.ts';
import {
  commitToLink,
  endOfPeriod,
  issuerKeys,
  issueUnlinkable,
  presentUnlinkable,
  unlinkablePredicates,
  verifyUnlinkable,
} from '../src/identity/unlinkable.ts';
import { ensureBuilt } from '../scripts/build-app.ts';
import { identityKilobytes } from '../scripts/chunk-size.ts';
import { randomBytes } from '../src/crypto/random.ts';
import { createMemoryWalletStore } from '../src/storage/wallet-store.ts';
import { DEFAULT_COST } from '../src/wallet/kdf.ts';
import { Keystore } from '../src/wallet/keystore.ts';
import { medianWall } from './measure.ts';
import type { Benchmark } from './types.ts';

const RUNS = 7;
/** Gzipped, before a heavy proof system is asked for. */
const SCREENS_GOAL_KB = 150;
const ISSUER = 'did:autoid:off:issuer';
const NOW = 1_800_000_000;
const AUDIENCE = 'https://verifier.example';
const NONCE = 'a nonce of the verifier';

function milliseconds(name: string, prepare: () => Promise<() => unknown>): Benchmark {
  return {
    group: 'identity',
    name: `identity.${name}`,
    unit: 'ms',
    better: 'lower',
    run: async () => ({ value: 1000 * (await medianWall(await prepare(), RUNS)), ratio: null, runs: RUNS }),
  };
}

const issuer = ed25519Key(new Uint8Array(32).fill(1));
const holder = ed25519Key(new Uint8Array(32).fill(2));

/** A credential of ten claims, each of which can be kept back. */
function issue(): Promise<string> {
  const claims = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`claim_${index}`, index]));
  return issueSdJwt(issuer, {
    iss: ISSUER,
    vct: 'urn:autonomys:vc:person:1',
    iat: NOW,
    exp: NOW + 1000,
    holderKey: jwkOf(holder.publicKeyInfo),
    claims,
    selective: Object.keys(claims).map((name) => [name]),
  });
}

function present(credential: string): Promise<string> {
  const presenting = { key: holder, nonce: NONCE, audience: AUDIENCE, now: NOW };
  return presentSdJwt(credential, [['claim_1'], ['claim_2']], presenting);
}

/** A score of 7300, to be proved at least 7000. */
function predicate() {
  const opening = { value: 7300, blinding: predicates.newBlinding() };
  const statement = {
    attribute: 'score' as const,
    commitment: predicates.commit(opening),
    bound: { kind: 'at-least' as const, value: 7000 },
    context: randomBytes(32),
  };
  return { opening, statement };
}

const bbs = issuerKeys(new Uint8Array(48).fill(3));
const statement = await endorseKey(issuer, {
  did: ISSUER,
  certificates: ['AA=='],
  now: NOW,
  until: NOW + 365 * 86_400,
  publicKey: bbs.publicKey,
});

/** The same ten claims in a credential whose showings cannot be linked. */
function unlinkable() {
  const link = new Uint8Array(48).fill(4);
  const { commitment, blind } = commitToLink(link);
  const claims = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`claim_${index}`, index]));
  const draft = {
    iss: ISSUER,
    vct: 'urn:autonomys:vc:person:1',
    exp: endOfPeriod(NOW, 4),
    keys: statement,
    claims,
  };
  const issue = () => issueUnlinkable(bbs, draft, commitment);
  const credential = issue();
  const question = { nonce: NONCE, audience: AUDIENCE, scope: 'once' as const };
  const present = () =>
    presentUnlinkable(credential, {
      names: new Set(['claim_1', 'claim_2']),
      secrets: { link, blind },
      now: NOW,
      committed: [],
      ...question,
    });
  const issuerKey = () => jwkOf(issuer.publicKeyInfo);
  const verify = (presentation: string) => verifyUnlinkable(presentation, question, { now: NOW, issuerKey });
  return { issue, present, verify };
}

function unlinkablePredicate() {
  const opening = { value: 7300, blinding: unlinkablePredicates.newBlinding() };
  const told = { ...predicate().statement, commitment: unlinkablePredicates.commit(opening) };
  return { told, opening };
}

export const benchmarks: Benchmark[] = [
  milliseconds('unlock', async () => {
    const keystore = await Keystore.open(createMemoryWalletStore(), { cost: DEFAULT_COST });
    await keystore.create('correct horse battery');
    return () => keystore.unlock('correct horse battery');
  }),
  milliseconds('issue', async () => issue),
  milliseconds('present', async () => {
    const credential = await issue();
    return () => present(credential);
  }),
  milliseconds('verify', async () => {
    const presentation = await present(await issue());
    return () =>
      verifySdJwt({
        presentation,
        now: NOW,
        issuerKey: (iss, { kid }) => (kid === keyIdOf(iss) ? jwkOf(issuer.publicKeyInfo) : null),
        keyBinding: { nonce: NONCE, audience: AUDIENCE },
      });
  }),
  milliseconds('predicate.prove', async () => {
    const { statement, opening } = predicate();
    return () => predicates.prove(statement, opening);
  }),
  milliseconds('predicate.verify', async () => {
    const { statement, opening } = predicate();
    const proof = predicates.prove(statement, opening);
    return () => {
      if (!predicates.verify(statement, proof)) throw new Error('a true statement does not verify');
    };
  }),
  milliseconds('unlinkable.issue', async () => unlinkable().issue),
  milliseconds('unlinkable.present', async () => unlinkable().present),
  milliseconds('unlinkable.verify', async () => {
    const { present, verify } = unlinkable();
    const { presentation } = present();
    return () => verify(presentation);
  }),
  milliseconds('unlinkable.predicate.prove', async () => {
    const { told, opening } = unlinkablePredicate();
    return () => unlinkablePredicates.prove(told, opening);
  }),
  milliseconds('unlinkable.predicate.verify', async () => {
    const { told, opening } = unlinkablePredicate();
    const proof = unlinkablePredicates.prove(told, opening);
    return () => {
      if (!unlinkablePredicates.verify(told, proof)) throw new Error('a true statement does not verify');
    };
  }),
  {
    group: 'identity',
    name: 'identity.screens',
    unit: 'kB',
    better: 'lower',
    where: 'chromium',
    goal: '≥ 1',
    async run() {
      const value = identityKilobytes(await ensureBuilt(() => undefined));
      return {
        value,
        peer: `${SCREENS_GOAL_KB} kB`,
        ratio: SCREENS_GOAL_KB / value,
        runs: 1,
      };
    },
  },
];
