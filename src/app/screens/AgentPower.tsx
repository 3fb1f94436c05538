import { useState } from 'react';
import type { Capability } from '../../identity/capability.ts';
import { parseTokens } from '../../wallet/amounts.ts';
import { Select, TextField } from '../components/forms.tsx';
import { useToken } from '../node-client.ts';
import type { Token } from '../../protocol/notation.ts';
import { countsTokens, POWERS } from './agent-words.ts';

const CHOICES = POWERS.map(({ id, text }) => [id, text] as const);

/** A whole number as limits have it. Throws Error with a sentence. */
function parseCount(text: string): string {
  if (!/^[1-9]\d{0,38}$/.test(text.trim()))
    throw new Error('Write what it may do at most as a whole number above zero, for example 10.');
  return text.trim();
}

/** An amount of a resource as limits and requests have it: tokens, or a whole number. Throws Error with a sentence. */
export function parseAmount(res: string, text: string, token: Token): string {
  return countsTokens(res) ? String(parseTokens(text, token)) : parseCount(text);
}

/** What somebody is to be allowed, as it is being filled in. */
export interface PowerDraft {
  res: string;
  act: string[];
  /** Whether it says enough to be a permission. */
  complete: boolean;
  /** The permission. Throws Error with a sentence for limits that are no numbers. */
  capability: () => Capability;
  fields: React.ReactNode;
}

/** Fields for one power and its limits. */
export function usePower(): PowerDraft {
  const token = useToken();
  const [power, setPower] = useState<string>(POWERS[0].id);
  const [otherRes, setRes] = useState('');
  const [otherAct, setAct] = useState('');
  const [perUse, setPerUse] = useState('');
  const [total, setTotal] = useState('');
  const chosen = POWERS.find(({ id }) => id === power)!;
  const other = chosen.id === 'other';
  const res = other ? otherRes.trim() : chosen.res;
  const act = other
    ? otherAct.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]))
    : [...chosen.act];
  const inTokens = countsTokens(res);
  const unit = inTokens ? `, in ${token.symbol}` : '';
  const capability = (): Capability => {
    const limits = {
      ...(perUse.trim() === '' ? {} : { per_tx: parseAmount(res, perUse, token) }),
      ...(total.trim() === '' ? {} : { total: parseAmount(res, total, token) }),
    };
    return { res, act, ...(Object.keys(limits).length === 0 ? {} : { lim: limits }) };
  };
  const fields = (
    <>
      <Select
        label="What it may do"
        {...(other ? {} : { hint: `Its permission calls this ${res}, ${act.join(', ')}.` })}
        value={power}
        options={CHOICES}
        onChange={setPower}
      />
      {other && (
        <>
          <TextField
            label="What it may touch"
            hint="For example auto:drive:/path/*, or ext:anything.of/yours"
            value={otherRes}
            onChange={setRes}
          />
          <TextField
            label="What it may do there"
            hint="For example read, write"
            value={otherAct}
            onChange={setAct}
          />
        </>
      )}
      <TextField
        label={`At most, each time${unit}`}
        hint={
          inTokens ? 'Empty: as much as it likes.' : 'A whole number of what is counted. Empty: no limit.'
        }
        inputMode="decimal"
        value={perUse}
        onChange={setPerUse}
      />
      <TextField label={`At most, in all${unit}`} inputMode="decimal" value={total} onChange={setTotal} />
    </>
  );
  return { res, act, complete: res !== '' && act.length > 0, capability, fields };
}
