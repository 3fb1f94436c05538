import { lazy, memo, Suspense, useState, type ComponentType } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import { Tabs } from '../components/Tabs.tsx';
import type { OpenWallet, PartProps } from '../wallet-part.ts';
import { WalletGate } from './WalletGate.tsx';
import WalletAccounts from './WalletAccounts.tsx';

const WalletSend = lazy(() => import('./WalletSend.tsx'));
const WalletActivity = lazy(() => import('./WalletActivity.tsx'));
const WalletStaking = lazy(() => import('./WalletStaking.tsx'));
const WalletPeople = lazy(() => import('./WalletPeople.tsx'));
const WalletSafety = lazy(() => import('./WalletSafety.tsx'));

const parts: readonly [id: string, title: string, Part: ComponentType<PartProps>][] = [
  ['accounts', 'Accounts', WalletAccounts],
  ['send', 'Send', WalletSend],
  ['activity', 'Activity', WalletActivity],
  ['staking', 'Staking', WalletStaking],
  ['people', 'People', WalletPeople],
  ['safety', 'Safety', WalletSafety],
];

/** Accounts, payments, address book, backup and lock. */
export default function Wallet({ snapshot }: ScreenProps) {
  return (
    <>
      <div className="head">
        <h1>Wallet</h1>
        <p>
          Your accounts and their keys, which stay in this browser. Nothing is sent before you have seen it.
        </p>
      </div>
      <WalletGate>
        {(open) => (
          <Open
            {...open}
            token={snapshot.notation.token}
            depth={snapshot.chain?.confirmationDepthK ?? null}
            farm={snapshot.farms.length === 0 ? null : snapshot.rewardAddress}
          />
        )}
      </WalletGate>
    </>
  );
}

/** Not drawn anew with every block. */
const Open = memo(function Parts(props: OpenWallet & Pick<PartProps, 'token' | 'depth' | 'farm'>) {
  const [shown, setShown] = useState('accounts');
  const [from, setFrom] = useState<string | null>(null);
  const [, , Part] = parts.find(([id]) => id === shown) ?? parts[0]!;
  return (
    <>
      <Tabs
        label="Parts of the wallet"
        tabs={parts.map(([id, title]) => [id, title] as const)}
        shown={shown}
        onShow={setShown}
      />
      <Suspense fallback={<p className="muted">Loading…</p>}>
        <Part
          {...props}
          from={from}
          onSend={(address) => {
            setFrom(address);
            setShown('send');
          }}
        />
      </Suspense>
    </>
  );
});
