import { useState } from 'react';
import type { WalletStatus } from '../../wallet/service.ts';
import { askPasskey } from '../passkey.ts';
import { wallet } from '../wallet-client.ts';
import { Failure, Form, TextField, useAction } from './forms.tsx';

/**
 * What opens the wallet of this browser: its password, or a passkey. `elsewhere`: on a screen that is there for something
 * else.
 */
export function UnlockWallet(props: { status: WalletStatus; elsewhere?: boolean; onDone: () => void }) {
  const { status, elsewhere = false, onDone } = props;
  const [password, setPassword] = useState('');
  const action = useAction();
  const passkeyAction = useAction();
  const passkeys = status.methods.flatMap((method) => (method.kind === 'passkey' ? [method] : []));
  return (
    <>
      <Form
        action={action}
        submit={elsewhere ? 'Unlock the wallet' : 'Unlock'}
        quiet={elsewhere}
        busy="Unlocking…"
        disabled={password === ''}
        onSubmit={async () => {
          await wallet.unlock({ password });
          setPassword('');
          onDone();
        }}
      >
        <TextField
          label={elsewhere ? 'Password of the wallet' : 'Password'}
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={setPassword}
        />
      </Form>
      {passkeys.map(({ kid, credential }) => (
        <button
          key={kid}
          type="button"
          disabled={passkeyAction.busy}
          onClick={() =>
            passkeyAction.run(async () => {
              await wallet.unlockWithPasskey({ kid, prfOutput: await askPasskey(credential) });
              onDone();
            })
          }
        >
          Unlock with a passkey
        </button>
      ))}
      <Failure error={passkeyAction.error} />
    </>
  );
}
