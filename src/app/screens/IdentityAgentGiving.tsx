import { useState } from 'react';
import type { DelegationView } from '../../identity/delegations.ts';
import type { IdentityView } from '../../identity/identity-view.ts';
import { Card, Empty } from '../components/basics.tsx';
import { Form, Select, TextField, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { identity } from '../wallet-client.ts';
import { usePower } from './AgentPower.tsx';

const PASSED_ON = [
  ['0', 'not be passed on'],
  ['1', 'be passed on once'],
  ['2', 'be passed on twice'],
] as const;

/** Gives a permission to somebody who has an identity already, or passes on one that is held. */
export function GivePermission(props: {
  own: IdentityView[];
  all: IdentityView[];
  held: DelegationView[];
  reload: () => void;
}) {
  const { own, all, held } = props;
  const power = usePower();
  const rights = [
    ...own.map(({ did, name }) => ({ id: did, text: `${name}’s own`, from: did, parent: undefined })),
    ...held
      .filter(({ depth, revoked }) => depth > 0 && !revoked)
      .map(({ id, label, to }) => ({ id, text: `passed on: ${label || id}`, from: to, parent: id })),
  ];
  const [chosenRight, setRight] = useState('');
  const [chosenTo, setTo] = useState('');
  const [label, setLabel] = useState('');
  const [depth, setDepth] = useState<string>('0');
  const [days, setDays] = useState('7');
  const [grant, setGrant] = useState<string | null>(null);
  const action = useAction();
  const right = rights.find(({ id }) => id === chosenRight) ?? rights[0];
  const others = all.filter(({ did, deactivated }) => did !== right?.from && !deactivated);
  const to = others.find(({ did }) => did === chosenTo) ?? others[0];
  if (right === undefined || to === undefined)
    return (
      <Card title="Give somebody a permission" span={5}>
        <Empty>
          To somebody with an identity of their own: <a href="#/identity/people">add it</a> first.
        </Empty>
      </Card>
    );
  const submit = async () => {
    const { from, parent } = right;
    const given = await identity.delegate({
      from,
      to: to.did,
      label: label.trim() || to.name,
      capabilities: [power.capability()],
      days: Number(days),
      depth: Number(depth),
      ...(parent === undefined ? {} : { parent }),
    });
    setGrant(given.grant);
    props.reload();
  };
  return (
    <Card title="Give somebody a permission" span={5}>
      <Form action={action} submit="Sign it" quiet disabled={!power.complete} onSubmit={submit}>
        <Select
          label="By whose right"
          value={right.id}
          options={rights.map(({ id, text }) => [id, text] as const)}
          onChange={setRight}
        />
        <Select
          label="To"
          hint="People are added under “Who I am”."
          value={to.did}
          options={others.map(({ did, name }) => [did, name] as const)}
          onChange={setTo}
        />
        {power.fields}
        <TextField label="For how many days" type="number" value={days} onChange={setDays} />
        <Select label="It may" value={depth} options={PASSED_ON} onChange={setDepth} />
        <TextField
          label="Call it"
          hint="Only you see it. May stay empty."
          value={label}
          onChange={setLabel}
        />
      </Form>
      {grant !== null && (
        <HandOver label="Give them this permission" text={grant} fileName="permission.json" />
      )}
    </Card>
  );
}
