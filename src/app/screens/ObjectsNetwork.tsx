import { useState } from 'react';
import type { ObjectsStatus } from '../../node/objects.ts';
import type { TransferView } from '../../node/transfers.ts';
import { Badge, Card, Empty, Meter } from '../components/basics.tsx';
import { Deed, Form, Select, TextField, useAction } from '../components/forms.tsx';
import { bytes } from '../format.ts';
import { objects } from '../object-client.ts';

const STATES: Record<TransferView['state'], ['info' | 'warn' | 'good' | 'bad', string]> = {
  running: ['info', 'fetching'],
  paused: ['warn', 'paused'],
  done: ['good', 'complete, verified'],
  failed: ['bad', 'failed'],
};

/** Retrievals under way, with where their pieces come from. */
export function Transfers({ transfers, onChange }: { transfers: TransferView[]; onChange: () => void }) {
  return (
    <Card title="Retrievals" span={6}>
      {transfers.length === 0 ? (
        <Empty>
          “Keep here” fetches all of an object, so that it opens without waiting and others can get it here.
        </Empty>
      ) : (
        <ul className="list">
          {transfers.map((transfer) => (
            <TransferItem key={transfer.id} transfer={transfer} onChange={onChange} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function TransferItem({ transfer, onChange }: { transfer: TransferView; onChange: () => void }) {
  const { id, name, cid, state, bytes: done, totalBytes, nodes, pieces, error } = transfer;
  const [tone, text] = STATES[state];
  const act = (work: Promise<void>): Promise<void> => work.then(onChange);
  return (
    <li data-testid="transfer" className="stack">
      <div className="row spread">
        <strong>{name === '' ? `${cid.slice(0, 14)}…` : name}</strong>
        <Badge tone={tone} live={state === 'running'}>
          {text}
        </Badge>
      </div>
      {totalBytes !== null && (
        <Meter value={totalBytes === 0 ? 1 : done / totalBytes} label={`${name} fetched`} />
      )}
      <span className="muted small">
        {bytes(done)}
        {totalBytes === null ? '' : ` of ${bytes(totalBytes)}`}, {nodes} {nodes === 1 ? 'part' : 'parts'} and{' '}
        {pieces.length} {pieces.length === 1 ? 'piece' : 'pieces'} verified
        {pieces.length > 0 && <>: {sourcesOf(pieces)}</>}
      </span>
      {error !== null && (
        <p className="banner bad" role="alert">
          {error}
        </p>
      )}
      <div className="row">
        {state === 'running' && <Deed label="Pause" onDo={() => act(objects.pause({ id }))} />}
        {(state === 'paused' || state === 'failed') && (
          <Deed
            label={state === 'paused' ? 'Resume' : 'Try again'}
            onDo={() => act(objects.resume({ id }))}
          />
        )}
        <Deed label={state === 'done' ? 'Clear' : 'Cancel'} onDo={() => act(objects.cancel({ id }))} />
      </div>
      <details>
        <summary>Pieces</summary>
        <ul className="pieces" aria-label="Pieces and whom they came from">
          {pieces.map(({ index, from }) => (
            <li key={index} data-from={sourceOf(from)} title={`Piece ${index} from ${from}`}>
              {index}
            </li>
          ))}
        </ul>
      </details>
    </li>
  );
}

type Source = 'cache' | 'peer' | 'node' | 'reconstruction' | 'memory';

const SOURCES: Record<Source, string> = {
  cache: 'this browser’s cache',
  peer: 'peers',
  node: 'a node',
  reconstruction: 'reconstruction',
  memory: 'memory',
};

function sourceOf(from: string): Source {
  if (from === 'own cache') return 'cache';
  if (from === 'memory' || from === 'reconstruction') return from;
  return from.includes('://') ? 'node' : 'peer';
}

function sourcesOf(pieces: TransferView['pieces']): string {
  const counts = new Map<Source, number>();
  for (const { from } of pieces) counts.set(sourceOf(from), (counts.get(sourceOf(from)) ?? 0) + 1);
  return [...counts].map(([source, count]) => `${count} from ${SOURCES[source]}`).join(', ');
}

/** What a multiaddress says of the way to a peer. */
function transportOf(address: string): string {
  if (address.includes('/p2p-circuit')) return address.includes('/webrtc') ? 'WebRTC' : 'relay';
  if (address.includes('/webtransport')) return 'WebTransport';
  if (address.includes('/webrtc-direct')) return 'WebRTC direct';
  if (address.includes('/bridge')) return 'bridge';
  if (/\/wss?(\/|$)/.test(address)) return 'WebSocket';
  return address.includes('/tcp/') ? 'TCP' : 'other';
}

const MIB = 2 ** 20;
const SIZES = [64, 256, 512, 1024, 4096, 16_384].map((mib): [string, string] => [
  String(mib * MIB),
  bytes(mib * MIB),
]);

/** The storage network: who is connected, what is kept and given to others. */
export function StorageNetwork({ status, onChange }: { status: ObjectsStatus; onChange: () => void }) {
  const [address, setAddress] = useState('');
  const action = useAction();
  const { cache, connections, refused, served } = status;
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
      <p className="muted">
        This tab keeps {cache.pieces} pieces ({bytes(cache.usedBytes)} of {bytes(cache.limitBytes)}) and gave{' '}
        {served} to others in this session.
      </p>
      {connections.length === 0 ? (
        <Empty>No peer is connected. Pieces come from the node alone then.</Empty>
      ) : (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th>Peer</th>
                <th>Way</th>
                <th>Began</th>
                <th>Pieces from it</th>
              </tr>
            </thead>
            <tbody>
              {connections.map(({ peer, address: at, direction, pieces }) => (
                <tr key={`${peer}${at}`}>
                  <td className="mono" title={at}>
                    {peer.slice(0, 8)}…{peer.slice(-6)}
                  </td>
                  <td>{transportOf(at)}</td>
                  <td>{direction === 'outbound' ? 'here' : 'there'}</td>
                  <td>{pieces}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {refused.length > 0 && (
        <details>
          <summary>{refused.length} wrong pieces were refused</summary>
          <ul className="list">
            {refused.map(({ peer, reason }, index) => (
              <li key={index}>
                <span className="mono">{peer}</span>: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
      <div className="grid">
        <div className="span-6">
          <Select
            label="Space for pieces"
            hint="The oldest go first; pinned objects stay."
            value={String(cache.limitBytes)}
            options={
              SIZES.some(([size]) => size === String(cache.limitBytes))
                ? SIZES
                : [[String(cache.limitBytes), bytes(cache.limitBytes)], ...SIZES]
            }
            onChange={(size) => action.run(() => objects.setCache({ bytes: Number(size) }).then(onChange))}
          />
        </div>
        <div className="span-6">
          <Form
            action={action}
            submit="Connect"
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
        </div>
      </div>
      <GatewayPart gateway={status.gateway} onChange={onChange} />
      <details>
        <summary>This tab as a peer</summary>
        <dl className="facts">
          <dt>Peer id</dt>
          <dd className="mono">{status.peer}</dd>
          <dt>Reached at</dt>
          <dd className="mono">
            {status.addresses.length === 0 ? 'nowhere yet' : status.addresses.join(' ')}
          </dd>
        </dl>
      </details>
    </Card>
  );
}

/** A gateway of the person's own: seen, forgotten, or taken into use. */
function GatewayPart({ gateway, onChange }: { gateway: ObjectsStatus['gateway']; onChange: () => void }) {
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
