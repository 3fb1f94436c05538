import { useState } from 'react';
import type { BeginSetup, ChainView } from '../../node/api.ts';
import { checkpointText, readCheckpointText } from '../../node/begin.ts';
import { fromHex } from '../../protocol/bytes.ts';
import { count } from '../format.ts';
import { TextArea } from './forms.tsx';
import { HandOver } from './HandOver.tsx';
import { QrCode, QrScanner } from './Qr.tsx';

type Kind = BeginSetup['kind'];

const CHOICES: readonly [Kind, string, string][] = [
  [
    'auto',
    'As suits the chain',
    'A short chain block by block, a long one by random samples of its history and every recent block.',
  ],
  ['genesis', 'Every block since the first', 'Nothing is left to chance; on a public network it takes days.'],
  [
    'examine',
    'Random samples of the history',
    'Seconds to minutes; the chain screen says how sure it makes.',
  ],
  [
    'checkpoint',
    'From a checkpoint',
    'A block that another device of yours has verified. What is before it is not looked at.',
  ],
];

/** Where the chain begins; `network`: hex genesis hash that a checkpoint must belong to, null: not known. */
export function BeginChooser(props: {
  begin: BeginSetup;
  network: string | null;
  onChange: (begin: BeginSetup) => void;
}) {
  const { begin, onChange } = props;
  return (
    <div className="stack">
      <fieldset>
        <legend className="visually-hidden">Where to begin</legend>
        {CHOICES.map(([kind, label, hint]) => (
          <label className="choice" key={kind}>
            <input
              type="radio"
              name="begin"
              checked={begin.kind === kind}
              onChange={() => onChange(kind === 'checkpoint' ? { kind, text: '' } : { kind })}
            />
            <span>
              <strong>{label}</strong>
              <span className="hint">{hint}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {begin.kind === 'checkpoint' && (
        <CheckpointField
          text={begin.text}
          network={props.network}
          onChange={(text) => onChange({ kind: 'checkpoint', text })}
        />
      )}
    </div>
  );
}

/** A choice as words after “Where to begin:”. */
export function beginWords({ kind }: BeginSetup): string {
  const [, label] = CHOICES.find(([one]) => one === kind)!;
  return label.charAt(0).toLowerCase() + label.slice(1);
}

/** What is wrong with a choice, in a sentence, or null. */
export function troubleOf(begin: BeginSetup, network: string | null): string | null {
  if (begin.kind !== 'checkpoint') return null;
  if (begin.text.trim() === '') return 'Paste a checkpoint, or scan one.';
  try {
    const { genesisHash } = readCheckpointText(begin.text);
    const other = genesisHash !== null && network !== null && !same(genesisHash, network);
    return other ? 'This checkpoint belongs to another network.' : null;
  } catch (error) {
    return (error as Error).message;
  }
}

function same(hash: Uint8Array, hex: string): boolean {
  return fromHex(hex, 32).every((byte, index) => byte === hash[index]);
}

function CheckpointField(props: { text: string; network: string | null; onChange: (text: string) => void }) {
  const [scanning, setScanning] = useState(false);
  const trouble = troubleOf({ kind: 'checkpoint', text: props.text }, props.network);
  const number = trouble === null ? readCheckpointText(props.text).number : null;
  return (
    <div className="stack">
      <TextArea
        label="Checkpoint"
        hint="On the other device: Settings, Start of the chain."
        rows={3}
        value={props.text}
        onChange={props.onChange}
      />
      {scanning ? (
        <QrScanner
          onText={(text) => {
            props.onChange(text);
            setScanning(false);
          }}
          onCancel={() => setScanning(false)}
        />
      ) : (
        <div className="row">
          <button type="button" onClick={() => setScanning(true)}>
            Scan its QR code
          </button>
        </div>
      )}
      <p className="small" aria-live="polite">
        {trouble ?? (number === null ? 'A block’s hash, without its number.' : `Block #${count(number)}.`)}
      </p>
    </div>
  );
}

/** The newest final block of this tab, for another device of the person's. */
export function ShareCheckpoint({ chain }: { chain: ChainView | null }) {
  const [shown, setShown] = useState<string | null>(null);
  const text = chain && checkpointText(chain);
  if (text === null) return <p className="muted">No block is final yet.</p>;
  if (shown === null)
    return (
      <div className="row">
        <button type="button" onClick={() => setShown(text)}>
          Show this tab’s checkpoint
        </button>
      </div>
    );
  return (
    <div className="stack">
      <QrCode text={shown} label="QR code of this tab’s checkpoint" />
      <HandOver label="Checkpoint" text={shown} fileName="checkpoint.txt" />
      <div className="row">
        <button type="button" onClick={() => setShown(null)}>
          Hide
        </button>
      </div>
    </div>
  );
}
