import { useEffect, useState } from 'react';
import type { CallQuote } from '../../identity/registry-access.ts';
import type { CallView, Sending } from '../../identity/registry-call.ts';
import type { PaymentPlan } from '../../node/payments.ts';
import { oneToken } from '../../wallet/amounts.ts';
import { decodeAddress } from '../../protocol/ss58.ts';
import { Failure, useAction } from '../components/forms.tsx';
import { brief, bytes, tokens } from '../format.ts';
import { useToken } from '../node-client.ts';
import { money, useSigner } from '../wallet-client.ts';
import type { Token } from '../../protocol/notation.ts';

const LOOK_MS = 3000;
const ONLY_HERE = 'No registry that can be asked holds this identity, so nobody but this wallet is told.';

/** Asks what would come of it, and does it. */
type Run = (how: Sending) => Promise<CallView | null>;

/**
 * A deed that the registry may have to know of: shows what is signed, who pays and what it costs before anything
 * is sent. Where there is nothing to tell a registry, it asks once and acts in the wallet alone.
 */
export function RegistryDeed(props: {
  label: string;
  /** The deed, as a sentence without its end. */
  what: string;
  warning?: string;
  /** What to know where only this wallet is told; the same if left out. */
  warningHere?: string;
  danger?: boolean;
  primary?: boolean;
  run: Run;
  /** Called when it is done, with what is to be said of it; null where nothing but the wallet was told. */
  done: (told: string | null) => void;
}) {
  const { label, what, warning, warningHere = warning ?? '', run, done } = props;
  const [quote, setQuote] = useState<CallQuote | null>(null);
  const [payer, setPayer] = useState<string>();
  const action = useAction();
  const ask = async () => {
    const seen = await run({ dry: true, payer });
    if (seen !== null && seen.refused !== null) throw new Error(seen.sentence ?? seen.refused);
    if (seen?.quote != null) return setQuote(seen.quote);
    if (!window.confirm(`${what}? ${warningHere} ${ONLY_HERE}`)) return;
    await run({ here: true });
    done(null);
  };
  const send = async (by: string) => {
    const sent = await run({ payer: by });
    if (sent !== null && sent.refused !== null) throw new Error(sent.sentence ?? sent.refused);
    setQuote(null);
    done(`${what}: done in block ${sent?.block} of the registry’s network.`);
  };
  const look = async (by = payer) => setQuote((await run({ dry: true, payer: by }))?.quote ?? quote);
  const payBy = (address: string) => {
    setPayer(address);
    action.run(() => look(address));
  };
  return (
    <>
      <button
        type="button"
        className={props.danger ? 'danger' : props.primary ? 'primary' : ''}
        disabled={action.busy || quote !== null}
        onClick={() => action.run(ask)}
      >
        {action.busy && quote === null ? 'Asking…' : label}
      </button>
      {quote !== null && (
        <div className="asked stack wide" role="group" aria-label={what}>
          <strong>{what}?</strong>
          {warning !== undefined && <p>{warning}</p>}
          <Quote quote={quote} payBy={payBy} />
          {isShort(quote) ? (
            <MoveTokens key={quote.account} quote={quote} look={look} />
          ) : (
            <div className="row">
              <button
                type="button"
                className={props.danger ? 'danger' : 'primary'}
                disabled={action.busy}
                onClick={() => action.run(() => send(quote.account))}
              >
                {action.busy ? 'Waiting for a block…' : 'Sign and send'}
              </button>
              <button type="button" disabled={action.busy} onClick={() => setQuote(null)}>
                Not now
              </button>
            </div>
          )}
        </div>
      )}
      <Failure error={action.error} />
    </>
  );
}

const isShort = ({ fee, balance }: CallQuote) => BigInt(balance) <= BigInt(fee);

function Quote({ quote, payBy }: { quote: CallQuote; payBy: (address: string) => void }) {
  const token = useToken();
  const { choices } = useSigner();
  return (
    <dl className="facts">
      <dt>You sign</dt>
      <dd>
        <span className="mono">{quote.call}</span>, {bytes(quote.bytes)}, which everybody can read for ever
      </dd>
      <dt>Costs</dt>
      <dd>about {fine(quote.fee, token)}</dd>
      <dt>Paid by</dt>
      <dd>
        {choices.options.length > 1 ? (
          <select aria-label="Paid by" value={quote.account} onChange={(event) => payBy(event.target.value)}>
            {choices.options.map(([address, name]) => (
              <option key={address} value={address}>
                {name}
              </option>
            ))}
          </select>
        ) : (
          <span className="mono" title={quote.account}>
            {brief(quote.account)}
          </span>
        )}
      </dd>
      <dt>It has</dt>
      <dd>{tokens(quote.balance, token)} on the registry’s network</dd>
    </dl>
  );
}

/** A small amount with three digits that mean something. */
function fine(amount: string, token: Token): string {
  return `${(Number(amount) / 10 ** token.decimals).toPrecision(3)} ${token.symbol}`;
}

/** Fees of the registry are paid on its own network: moves a token there from the chain. */
function MoveTokens({ quote, look }: { quote: CallQuote; look: () => Promise<void> }) {
  const token = useToken();
  const [plan, setPlan] = useState<PaymentPlan | null>(null);
  const [sent, setSent] = useState(false);
  const action = useAction();
  useEffect(() => {
    const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS);
    return () => clearInterval(timer);
  }, [look]);
  const prepare = async () => {
    const { account } = decodeAddress(quote.account);
    const args = {
      dst_location: {
        chain_id: { type: 'Domain', value: quote.domain },
        account_id: { type: 'AccountId32', value: account },
      },
      // The transporter takes no less.
      amount: oneToken(token),
    };
    setPlan(
      await money.prepare({
        account: quote.account,
        call: { pallet: 'Transporter', call: 'transfer', args },
      }),
    );
  };
  const send = async () => {
    await money.send({ plan: plan!.id });
    setSent(true);
  };
  return (
    <>
      <p>The account has too little on the registry’s network, where the fee is paid.</p>
      {sent ? (
        <p role="status">1 {token.symbol} is on its way; this goes on by itself once it has arrived.</p>
      ) : plan === null ? (
        <div className="row">
          <button type="button" disabled={action.busy} onClick={() => action.run(prepare)}>
            {action.busy ? 'Asking…' : `Move 1 ${token.symbol} there…`}
          </button>
        </div>
      ) : (
        <>
          <p>
            {plan.call.title}. Costs about {fine(plan.fee.total, token)}; the account has{' '}
            {tokens(plan.balance.free, token)}.
          </p>
          <div className="row">
            <button type="button" disabled={action.busy} onClick={() => action.run(send)}>
              {action.busy ? 'Sending…' : 'Sign and move'}
            </button>
          </div>
        </>
      )}
      <Failure error={action.error} />
    </>
  );
}
