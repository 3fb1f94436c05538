import { useState } from 'react';
import type { IdentityView } from '../../identity/identity-view.ts';
import { ActingAs, useActing, WithIdentity } from '../components/Acting.tsx';
import { Card } from '../components/basics.tsx';
import { Form, TextField, useAction } from '../components/forms.tsx';
import { identity } from '../wallet-client.ts';
import { usePower } from './AgentPower.tsx';

/** Makes a name of its own for a program, with the few powers that it is given. */
export function MakeAgent({ own, reload }: { own: IdentityView[]; reload: () => void }) {
  const owners = own.filter(({ canIssue }) => canIssue);
  const acting = useActing(owners);
  const power = usePower();
  const [name, setName] = useState('');
  const [purpose, setPurpose] = useState('');
  const [days, setDays] = useState('7');
  const action = useAction();
  const submit = async () => {
    await identity.createAgent({
      owner: acting.did,
      name,
      purpose,
      capabilities: [power.capability()],
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
          disabled={name.trim() === '' || !power.complete}
          onSubmit={submit}
        >
          <ActingAs label="Acts for" own={owners} acting={acting} />
          <TextField label="Name of the agent" value={name} onChange={setName} />
          <TextField label="What it is for" value={purpose} onChange={setPurpose} />
          {power.fields}
          <TextField label="For how many days" type="number" value={days} onChange={setDays} />
        </Form>
      </WithIdentity>
    </Card>
  );
}
