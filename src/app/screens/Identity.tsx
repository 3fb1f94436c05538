import { lazy, memo, Suspense, type ComponentType } from 'react';
import { Empty } from '../components/basics.tsx';
import { Tabs } from '../components/Tabs.tsx';
import { useRouteDetail } from '../hooks.ts';
import { WalletGate } from './WalletGate.tsx';

const People = lazy(() => import('./IdentityPeople.tsx'));
const Credentials = lazy(() => import('./IdentityCredentials.tsx'));
const Agents = lazy(() => import('./IdentityAgents.tsx'));
const Content = lazy(() => import('./IdentityContent.tsx'));
const Score = lazy(() => import('./IdentityScore.tsx'));

const parts: { id: string; title: string; Part: ComponentType }[] = [
  { id: 'people', title: 'Who I am', Part: People },
  { id: 'credentials', title: 'Credentials', Part: Credentials },
  { id: 'agents', title: 'Agents', Part: Agents },
  { id: 'content', title: 'Signed files', Part: Content },
  { id: 'score', title: 'Score', Part: Score },
];

/** Identities, credentials, agents, signed files and the score, behind the wallet's lock. */
export default function Identity() {
  return (
    <>
      <div className="head">
        <h1>Identity</h1>
        <p>Who you are, on your own terms: made here, kept here, shown by you.</p>
      </div>
      <WalletGate>{() => <Open />}</WalletGate>
    </>
  );
}

/** Not drawn anew with every block. */
const Open = memo(function Parts() {
  const chosen = useRouteDetail();
  const { Part, id } = parts.find((part) => part.id === chosen) ?? parts[0]!;
  return (
    <>
      <Tabs
        label="Parts of your identity"
        tabs={parts.map((part) => [part.id, part.title] as const)}
        shown={id}
        onShow={(to) => {
          window.location.hash = `#/identity/${to}`;
        }}
      />
      <Suspense fallback={<Empty>Loading…</Empty>}>
        <Part />
      </Suspense>
    </>
  );
});
