import { useState } from 'react';
import type { JoinRequest } from '../../node/api.ts';
import { Card } from '../components/basics.tsx';
import { Check, Form, Select, TextArea, TextField, useAction } from '../components/forms.tsx';
import { node } from '../node-client.ts';

type Kind = JoinRequest['credentials']['kind'];

const KINDS: readonly (readonly [Kind, string])[] = [
  ['none', 'None'],
  ['password', 'User and password'],
  ['token', 'Token'],
  ['nkey', 'Nkey'],
  ['creds', 'Credentials file'],
];

/** Where the person names the server and what the tab is to do. `onTry` hears when it is tried and when that worked. */
export function Join({ known, onTry }: { known?: string; onTry?: (trying: boolean) => void }) {
  const action = useAction();
  const [server, setServer] = useState(known ?? 'ws://127.0.0.1:4223');
  const [kind, setKind] = useState<Kind>('none');
  const [user, setUser] = useState('');
  const [secret, setSecret] = useState('');
  const [plotter, setPlotter] = useState(true);
  const [farmer, setFarmer] = useState(false);
  const join = async () => {
    onTry?.(true);
    const credentials = credentialsOf(kind, user, secret);
    await node.joinCluster({ server: server.trim(), credentials, plotter, farmer });
    onTry?.(false);
  };
  const address = problemOf(server);
  return (
    <div className="grid">
      <Card title="Join a cluster" span={6}>
        <Form action={action} submit="Join" busy="Joining…" disabled={address !== null} onSubmit={join}>
          <TextField
            label="NATS server"
            hint={address ?? 'Its WebSocket address: ws:// on this device, wss:// elsewhere.'}
            value={server}
            onChange={setServer}
            required
          />
          <Select label="Credentials" value={kind} options={KINDS} onChange={setKind} />
          {kind === 'password' && (
            <TextField label="User" value={user} onChange={setUser} autoComplete="username" required />
          )}
          {(kind === 'password' || kind === 'token' || kind === 'nkey') && (
            <TextField
              label={kind === 'password' ? 'Password' : kind === 'token' ? 'Token' : 'Seed of the nkey (SU…)'}
              type="password"
              value={secret}
              onChange={setSecret}
              required
            />
          )}
          {kind === 'creds' && (
            <TextArea label="Content of the credentials file" value={secret} onChange={setSecret} />
          )}
          {kind !== 'none' && (
            <p className="small muted">
              Kept in the wallet if it is unlocked, otherwise until this tab is closed.
            </p>
          )}
          <Check
            label="Plot for the others"
            hint="Lend this device’s cores."
            checked={plotter}
            onChange={setPlotter}
          />
          <Check
            label="Farm with them"
            hint="Let the cluster plot this device’s farms."
            checked={farmer}
            onChange={setFarmer}
          />
        </Form>
      </Card>
      <Card title="What is this?" span={6}>
        <p>
          The network’s own farming programs work together over a NATS server: a controller speaks for a node,
          caches keep pieces, plotters encode sectors, farmers own the disks. This tab joins them as one more
          machine, or only watches.
        </p>
        <p className="muted">To try it here, start the local network with a NATS server, and a controller:</p>
        <pre className="log small">
          {'npm start -- --cluster\nnpm run allotment -- cluster controller --nats nats://127.0.0.1:4222'}
        </pre>
        <p className="muted">
          Whoever may use the server sees everything in the cluster and can order sectors. Join only what you
          trust.
        </p>
      </Card>
    </div>
  );
}

function credentialsOf(kind: Kind, user: string, secret: string): JoinRequest['credentials'] {
  switch (kind) {
    case 'none':
      return { kind };
    case 'password':
      return { kind, user, password: secret };
    case 'token':
      return { kind, token: secret };
    case 'nkey':
      return { kind, seed: secret.trim() };
    case 'creds':
      return { kind, text: secret };
  }
}

/** What is wrong with an address, or null. */
function problemOf(server: string): string | null {
  if (!/^wss?:\/\/[^/\s]+/.test(server.trim()))
    return 'A browser needs an address that begins with ws:// or wss://.';
  return window.location.protocol === 'https:' &&
    server.startsWith('ws://') &&
    !/^ws:\/\/(localhost|127\.)/.test(server)
    ? 'A page over https reaches other devices by wss:// only.'
    : null;
}
