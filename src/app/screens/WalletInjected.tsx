import { useEffect, useState } from 'react';
import { Card } from '../components/basics.tsx';
import { Deed } from '../components/forms.tsx';
import { connectInjected, injectedWallets, useInjectedAccounts } from '../injected.ts';
import { brief } from '../format.ts';

/** Extensions announce themselves after the page has loaded. */
const LOOK_MS = 2_000;

/** Wallets of browser extensions, shown where there is one. */
export function ConnectInjected() {
  const [names, setNames] = useState(injectedWallets);
  const accounts = useInjectedAccounts();
  useEffect(() => {
    const timer = setInterval(() => setNames(injectedWallets()), LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  if (names.length === 0) return null;
  return (
    <Card title="Wallets in this browser" span={5}>
      <p className="muted small">
        If you keep your keys in an extension, it can sign instead. It sees the same transaction, and its key
        stays there.
      </p>
      <ul className="list">
        {names.map((name) => {
          const own = accounts.filter(({ wallet }) => wallet === name);
          return (
            <li key={name} className="stack">
              <div className="between">
                <strong>{name}</strong>
                {own.length === 0 && (
                  <Deed label="Connect" busy="Asking…" onDo={() => connectInjected(name)} />
                )}
              </div>
              {own.map(({ address, name: title }) => (
                <span key={address} className="between">
                  <span>{title}</span>
                  <span className="mono" title={address}>
                    {brief(address, 8)}
                  </span>
                </span>
              ))}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
