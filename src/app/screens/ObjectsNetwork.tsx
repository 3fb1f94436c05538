import { memo, useState } from 'react';
import type { ObjectsStatus } from '../../node/objects.ts';
import type { ConnectionView, NearView, StorageNetworkView } from '../../node/storage-network.ts';
import { Badge, Card, Empty } from '../components/basics.tsx';
import { Deed, Failure, Form, Select, TextField, useAction } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { bytes, count, counted } from '../format.ts';
import { objects } from '../object-client.ts';
import { CheckKept } from './ObjectsKept.tsx';

/** What a multiaddress says of the way to a peer. */
function transportOf(address: string): string {
  if (/\/webrtc(\/|$)/.test(address)) return 'WebRTC';
  if (address.includes('/p2p-circuit')) return 'relay';
  if (address.includes('/webtransport')) return 'WebTransport';
  if (address.includes('/webrtc-direct')) return 'WebRTC direct';
  if (address.includes('/bridge')) return 'bridge';
  if (/\/wss?(\/|$)/.test(address)) return 'WebSocket';
  return address.includes('/tcp/') ? 'TCP' : 'other';
}

const KINDS: Record<ConnectionView['kind'], string> = {
  tab: 'another tab',
  gateway: 'your gateway',
  peer: 'a peer',
};

const MIB = 2 ** 20;
const SIZES = [64, 256, 512, 1024, 4096, 16_384].map((mib): [string, string] => [
  String(mib * MIB),
  bytes(mib * MIB),
]);

/** Sizes to choose from, and the present one. */
function sizesWith(present: number): [string, string][] {
  const known = SIZES.some(([size]) => size === String(present));
  return known ? SIZES : [[String(present), bytes(present)], ...SIZES];
}

/** The storage network: who is connected, what is kept and given to others. */
export const StorageNetwork = memo(function StorageNetwork({
  status,
  onChange,
}: {
  status: ObjectsStatus;
  onChange: () => void;
}) {
  const { cache, network } = status;
  const { connections, refused, near } = network;
  return (
    <Card
      title="Storage network"
      span={12}
      aside={
        <Badge tone={connections.length > 0 ? 'good' : 'warn'}>
          {connections.length} {connections.length === 1 ? 'peer' : 'peers'}
        </Badge>
      }
    >
      <Served network={network} cached={cache.pieces} />
      {connections.length === 0 ? (
        <Empty>No peer is connected. Pieces come from the node alone then.</Empty>
      ) : (
        <Connections connections={connections} />
      )}
      {refused.length > 0 && (
        <details>
          <summary>Refused: {counted(refused.length, 'wrong piece')}</summary>
          <ul className="list">
            {refused.map(({ peer, reason }, index) => (
              <li key={index}>
                <span className="mono">{peer}</span>: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
      <div className="grid level">
        <CacheSize cache={cache} onChange={onChange} />
        <NearSize near={near} onChange={onChange} />
      </div>
      <CheckKept onChange={onChange} />
      <Connect onChange={onChange} />
      <GatewayPart gateway={network.gateway} onChange={onChange} />
      <details>
        <summary>This tab as a peer</summary>
        <dl className="facts">
          <dt>Peer id</dt>
          <dd className="mono">{network.peer}</dd>
          <dt>Reached at</dt>
          <dd className="mono stack">
            {network.addresses.length === 0 && 'nowhere yet'}
            {network.addresses.map((address) => (
              <p key={address}>{address}</p>
            ))}
          </dd>
        </dl>
      </details>
    </Card>
  );
});

/** What this tab does for others, in a sentence and in numbers. */
function Served({
  network: { served, near, history },
  cached,
}: {
  network: StorageNetworkView;
  cached: number;
}) {
  const given = served.cached + served.plotted;
  return (
    <>
      <p className="muted">
        Pieces of history come from the peers below, and go to whoever asks for what is kept here.
      </p>
      <dl className="facts" data-testid="served">
        <dt>Given to others in this session</dt>
        <dd>
          {counted(given, 'piece')}
          {served.plotted > 0 && `, ${count(served.plotted)} of them out of plotted sectors`}
          {served.headers > 0 && `, ${counted(served.headers, 'header')} of segments`}
        </dd>
        <dt>Kept from what you opened</dt>
        <dd>{counted(cached, 'piece')}</dd>
        <dt>Kept for the network</dt>
        <dd>
          {near.wanted === 0
            ? 'nothing'
            : `${count(near.pieces)} of the ${count(near.wanted)} pieces that are nearest to this peer`}
        </dd>
        <dt>Headers of segments</dt>
        <dd>
          {count(history.headers)} of {count(history.segments)} verified and told to whoever asks
        </dd>
      </dl>
    </>
  );
}

function Connections({ connections }: { connections: ConnectionView[] }) {
  return (
    <Many
      items={connections}
      thing="peer"
      words={({ peer, address, kind }) => `${peer} ${address} ${KINDS[kind]} ${transportOf(address)}`}
      page={12}
    >
      {(shown) => <Shown connections={shown} />}
    </Many>
  );
}

function Shown({ connections }: { connections: ConnectionView[] }) {
  return (
    <ul className="list" aria-label="Connected peers">
      {connections.map(({ peer, address, kind, direction, taken, given }) => (
        <li key={`${peer}${address}`} className="row spread" data-kind={kind} data-testid="connection">
          <span>
            <span className="mono" title={address}>
              {peer.slice(0, 8)}…{peer.slice(-6)}
            </span>{' '}
            <span className="muted">
              {KINDS[kind]}, {direction === 'outbound' ? 'found from here' : 'came here'}
            </span>
          </span>
          <span className="row">
            <Badge>{transportOf(address)}</Badge>
            <span className="muted small">
              {count(taken)} taken, {count(given)} given
            </span>
          </span>
        </li>
      ))}
    </ul>
  );
}

function CacheSize({ cache, onChange }: { cache: ObjectsStatus['cache']; onChange: () => void }) {
  const action = useAction();
  return (
    <div className="span-6">
      <Select
        label="Space for what you open"
        hint={`${bytes(cache.usedBytes)} are used. ${keptWords(cache)}`}
        value={String(cache.limitBytes)}
        options={sizesWith(cache.limitBytes)}
        onChange={(size) => action.run(() => objects.setCache({ bytes: Number(size) }).then(onChange))}
      />
      <Failure error={action.error} />
    </div>
  );
}

/** What stays and what goes. */
function keptWords({ pinnedBytes, limitBytes }: ObjectsStatus['cache']): string {
  return pinnedBytes >= limitBytes
    ? `Pinned objects take ${bytes(pinnedBytes)}, so that nothing else is kept: unpin some, or choose more.`
    : 'The oldest go first; pinned objects stay.';
}

const AUTOMATIC = 'automatic';

function NearSize({ near, onChange }: { near: NearView; onChange: () => void }) {
  const action = useAction();
  const automatic: [string, string] = [
    AUTOMATIC,
    near.automatic && near.limitBytes > 0 ? `Automatic, ${bytes(near.limitBytes)}` : 'Automatic',
  ];
  const sizes = near.automatic || near.limitBytes === 0 ? SIZES : sizesWith(near.limitBytes);
  return (
    <div className="span-6">
      <Select
        label="Space for the network"
        hint="Pieces of history kept for others. Automatic: a hundredth of your farms’ space."
        value={near.automatic ? AUTOMATIC : String(near.limitBytes)}
        options={[automatic, ['0', 'Nothing'], ...sizes]}
        onChange={(size) =>
          action.run(() =>
            objects.setNear({ bytes: size === AUTOMATIC ? null : Number(size) }).then(onChange),
          )
        }
      />
      <Failure error={action.error} />
    </div>
  );
}

function Connect({ onChange }: { onChange: () => void }) {
  const [address, setAddress] = useState('');
  const action = useAction();
  return (
    <details>
      <summary>Connect to another peer</summary>
      <Form
        action={action}
        submit="Connect"
        quiet
        busy="Connecting…"
        disabled={address.trim() === ''}
        onSubmit={async () => {
          await objects.connect({ address });
          setAddress('');
          onChange();
        }}
      >
        <TextField
          label="Another peer"
          hint="Its multiaddress, from a friend or a gateway."
          value={address}
          onChange={setAddress}
          placeholder="/ip4/…/tcp/…/ws/p2p/…"
        />
      </Form>
    </details>
  );
}

/** A gateway of the person's own: seen, forgotten, or taken into use. */
function GatewayPart({
  gateway,
  onChange,
}: {
  gateway: StorageNetworkView['gateway'];
  onChange: () => void;
}) {
  const [url, setUrl] = useState('http://127.0.0.1:30545');
  const [code, setCode] = useState('');
  const action = useAction();
  if (gateway !== null) {
    return (
      <div className="row spread" data-testid="gateway">
        <span>
          <Badge tone={gateway.connected ? 'good' : 'warn'}>
            {gateway.connected ? 'gateway connected' : 'gateway away'}
          </Badge>{' '}
          <span className="mono">{gateway.url}</span>
          {gateway.bridges && <span className="muted"> bridges to peers that speak TCP only</span>}
          {gateway.trouble !== null && <span className="muted"> {gateway.trouble}</span>}
        </span>
        <Deed label="Forget it" onDo={() => objects.forgetGateway().then(onChange)} />
      </div>
    );
  }
  return (
    <details>
      <summary>Use a gateway of your own</summary>
      <p className="muted">
        A small program on your machine that reaches peers a browser cannot. What it brings is checked like
        everything else.
      </p>
      <Form
        action={action}
        submit="Use it"
        quiet
        busy="Looking for it…"
        disabled={url.trim() === ''}
        onSubmit={async () => {
          await objects.setGateway({ url, code });
          onChange();
        }}
      >
        <TextField label="Its address" hint="It prints this when it starts." value={url} onChange={setUrl} />
        <TextField
          label="Its pairing code"
          hint="Lets this tab speak to such peers itself, encrypted through the gateway. May stay empty."
          value={code}
          onChange={setCode}
        />
      </Form>
    </details>
  );
}
