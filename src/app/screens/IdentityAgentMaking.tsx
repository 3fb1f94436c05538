import { useState } from 'react';
import type { IdentityView } from '../../identity/identity-view.ts';
import { parseTokens } from '../../wallet/amounts.ts';
import { ActingAs, useActing, WithIdentity } from '../components/Acting.tsx';
import { Card } from '../components/basics.tsx';
import { Form, Select, TextField, useAction } from '../components/forms.tsx';
import { useToken } from '../node-client.ts';
import { identity } from '../wallet-client.ts';
import { countsTokens, POWERS } from './agent-words.ts';

const CHOICES = POWERS.map(({ id, text }) => [id, text] as const);

/** A whole number as limits have it. Throws Error with a sentence. */
function parseCount(text: string): string {
  if (!/^[1-9]\d{0,38}$/.test(text.trim()))
    throw new Error('Write what it may do at most as a whole number above zero, for example 10.');
  return text.trim();
}

/** Makes a name of its own for a program, with the few powers that it is given. */
export function MakeAgent({ own, reload }: { own: IdentityView[]; reload: () => void }) {
  const owners = own.filter(({ canIssue }) => canIssue);
  const acting = useActing(owners);
  const token = useToken();
  const [name, setName] = useState('');
  const [purpose, setPurpose] = useState('');
  const [power, setPower] = useState<string>(POWERS[0].id);
  const [otherRes, setRes] = useState('');
  const [otherAct, setAct] = useState('');
  const [perUse, setPerUse] = useState('');
  const [total, setTotal] = useState('');
  const [days, setDays] = useState('7');
  const action = useAction();
  const chosen = POWERS.find(({ id }) => id === power)!;
  const other = chosen.id === 'other';
  const res = other ? otherRes.trim() : chosen.res;
  const act = other
    ? otherAct.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]))
    : [...chosen.act];
  const inTokens = countsTokens(res);
  const unit = inTokens ? `, in ${token.symbol}` : '';
  const submit = async () => {
    const parse = (text: string): string => (inTokens ? String(parseTokens(text, token)) : parseCount(text));
    const limits = {
      ...(perUse.trim() === '' ? {} : { per_tx: parse(perUse) }),
      ...(total.trim() === '' ? {} : { total: parse(total) }),
    };
    await identity.createAgent({
      owner: acting.did,
      name,
      purpose,
      capabilities: [{ res, act, ...(Object.keys(limits).length === 0 ? {} : { lim: limits }) }],
      days: Number(days),
    });
    setName('');
    setPurpose('');
    reload();
  };
  return (
    <Card title="Make an agent" span={5}>
      <WithIdentity own={owners} because="the agent’s rests on it.">
        <Form
          action={action}
          submit="Make it"
          disabled={name.trim() === '' || res === '' || act.length === 0}
          onSubmit={submit}
        >
          <ActingAs label="Acts for" own={owners} acting={acting} />
          <TextField label="Name of the agent" value={name} onChange={setName} />
          <TextField label="What it is for" value={purpose} onChange={setPurpose} />
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
          <TextField label="For how many days" type="number" value={days} onChange={setDays} />
        </Form>
      </WithIdentity>
    </Card>
  );
}
