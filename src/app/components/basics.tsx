import { useEffect, useRef, type ReactNode } from 'react';
import type { Cause, ChainView, Trust } from '../../node/api.ts';
import { plainName } from '../format.ts';
import { CheckIcon, ShieldIcon, SpeechIcon } from './icons.tsx';

type Tone = 'good' | 'info' | 'warn' | 'bad' | 'plain';

export function Badge(props: { tone?: Tone; live?: boolean; title?: string; children: ReactNode }) {
  const tone = props.tone === undefined || props.tone === 'plain' ? '' : props.tone;
  return (
    <span className={`badge ${tone} ${props.live ? 'pulse' : ''}`} title={props.title}>
      {props.children}
    </span>
  );
}

/** Tells a proven value from one that somebody merely told. */
export function TrustBadge({ trust }: { trust: Trust }) {
  return trust.kind === 'verified' ? (
    <Badge tone="good" title={`Proven against block ${trust.atBlock}, which this tab verified`}>
      <ShieldIcon /> verified
    </Badge>
  ) : (
    <Badge title={`Told by ${trust.by}; this tab has not checked it`}>
      <SpeechIcon /> reported
    </Badge>
  );
}

export function CheckBadge(props: { children: ReactNode; title?: string }) {
  return (
    <Badge tone="good" {...(props.title === undefined ? {} : { title: props.title })}>
      <CheckIcon /> {props.children}
    </Badge>
  );
}

export function Card(props: {
  title?: ReactNode;
  aside?: ReactNode;
  span?: number;
  /** Whether it answers what the person just did, so that it comes into sight and takes the focus. */
  answer?: boolean;
  /** Of a card that folds: whether it is open. */
  open?: boolean;
  onToggle?: (open: boolean) => void;
  children: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { answer = false } = props;
  useEffect(() => {
    if (!answer) return;
    const { current } = heading;
    if (current === null) return;
    current.focus({ preventScroll: true });
    const { top } = current.getBoundingClientRect();
    // What the person sees already stays where it is.
    if (top < 0 || top > window.innerHeight / 3) current.closest('section')?.scrollIntoView();
  }, [answer]);
  const head = (
    <>
      <h2 ref={heading} tabIndex={answer ? -1 : undefined}>
        {props.title}
      </h2>
      {props.aside}
    </>
  );
  return (
    <section className={`card ${props.span ? `span-${props.span}` : ''}`}>
      {props.open !== undefined ? (
        <details
          className="fold"
          open={props.open}
          onToggle={({ currentTarget }) => props.onToggle?.(currentTarget.open)}
        >
          <summary>{head}</summary>
          {props.children}
        </details>
      ) : (
        <>
          {(props.title !== undefined || props.aside !== undefined) && <header>{head}</header>}
          {props.children}
        </>
      )}
    </section>
  );
}

export function Stat(props: { label: string; value: ReactNode; note?: ReactNode }) {
  return (
    <div className="stat">
      <span className="label">{props.label}</span>
      <span className="value">{props.value}</span>
      {props.note !== undefined && <span className="note">{props.note}</span>}
    </div>
  );
}

/** A share between 0 and 1, with its label read to those who do not see the bar. */
export function Meter({ value, label }: { value: number; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div
      className="meter"
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <span ref={(bar) => bar?.style.setProperty('width', `${percent}%`)} />
    </div>
  );
}

/** Why something is not as it should be, and the next action. */
export function CauseBanner(props: { cause: Cause; tone?: 'warn' | 'bad' | 'info'; onAction?: () => void }) {
  const tone = props.tone === 'warn' || props.tone === undefined ? '' : props.tone;
  return (
    <div className={`banner ${tone}`} role={props.tone === 'bad' ? 'alert' : 'status'}>
      <span>{props.cause.sentence}</span>
      {props.cause.action !== null && props.onAction !== undefined && (
        <button type="button" onClick={props.onAction}>
          {props.cause.action}
        </button>
      )}
    </div>
  );
}

/** What is wrong with the chain; what a person can do about it is done in the settings. */
export function ChainCauseBanner({ chain }: { chain: ChainView }) {
  if (chain.cause === null) return null;
  return (
    <CauseBanner
      cause={chain.cause}
      tone={chain.phase === 'refused' ? 'bad' : 'warn'}
      onAction={() => {
        window.location.hash = '#/settings/nodes';
      }}
    />
  );
}

/** A name that somebody gave, in its own direction of writing, whatever stands around it. */
export function Name({ children }: { children: string }) {
  return <bdi>{plainName(children)}</bdi>;
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}
