import { useState } from 'react';
import type { DelegationView } from '../../identity/delegations.ts';
import { Form, Select, TextArea, TextField, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { useToken } from '../node-client.ts';
import { identity } from '../wallet-client.ts';
import { parseAmount } from './AgentPower.tsx';
import { countsTokens, parseQuestion, powerWords } from './agent-words.ts';

/** Uses a permission that one holds: a signed request, for whoever judges it. */
export function UsePermission({ one }: { one: DelegationView }) {
  const token = useToken();
  const deeds = one.capabilities.flatMap(({ res, act, lim }) =>
    act.map((deed) => ({ key: `${deed} ${res}`, res, deed, limits: Object.keys(lim ?? {}) })),
  );
  const [chosen, setChosen] = useState('');
  const [question, setQuestion] = useState('');
  const [place, setPlace] = useState('');
  const [amount, setAmount] = useState('');
  const [request, setRequest] = useState<string | null>(null);
  const action = useAction();
  const { key, res, deed, limits } = deeds.find((each) => each.key === chosen) ?? deeds[0]!;
  const isOpen = res.endsWith('/*');
  const submit = async () => {
    setRequest(null);
    const { audience, nonce } = parseQuestion(question);
    const used = limits.length === 0 ? null : parseAmount(res, amount, token);
    const use = used === null ? {} : { use: Object.fromEntries(limits.map((name) => [name, used])) };
    const asked = { res: isOpen ? res.slice(0, -1) + place.trim() : res, act: deed, ...use };
    setRequest(await identity.invokeDelegation({ id: one.id, request: asked, audience, nonce }));
  };
  return (
    <>
      <Form
        action={action}
        submit="Sign the request"
        quiet
        disabled={question.trim() === '' || (isOpen && place.trim() === '')}
        onSubmit={submit}
      >
        <TextArea
          label="Their question"
          hint="Whoever is to let you do it makes one, so that a request is used once."
          value={question}
          onChange={setQuestion}
        />
        {deeds.length > 1 && (
          <Select
            label="What you ask for"
            value={key}
            options={deeds.map((each) => [each.key, powerWords(each.res, [each.deed])] as const)}
            onChange={setChosen}
          />
        )}
        {isOpen && <TextField label={`What of ${res}`} value={place} onChange={setPlace} />}
        {limits.length > 0 && (
          <TextField
            label={countsTokens(res) ? `How much, in ${token.symbol}` : 'How much'}
            inputMode="decimal"
            value={amount}
            onChange={setAmount}
          />
        )}
      </Form>
      {request !== null && <HandOver label="Give them this request" text={request} fileName="request.json" />}
    </>
  );
}
