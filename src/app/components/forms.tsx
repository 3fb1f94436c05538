import {
  useCallback,
  useEffect,
  useRef,
  useState,
  type ChangeEvent,
  type FormEvent,
  type ReactNode,
} from 'react';
import { sentenceOf } from '../../protocol/errors.ts';
import { readFile, type ChosenFile } from '../files.ts';

export interface Action {
  /** Runs the work unless some is under way already. */
  run: (work: () => Promise<unknown>) => void;
  busy: boolean;
  /** The sentence of the last failure. */
  error: string | null;
}

/** Runs work on the person's behalf, keeping whether it is under way and the sentence it failed with. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const running = useRef(false);
  const run = useCallback((work: () => Promise<unknown>) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setError(null);
    work()
      .catch((failure: unknown) => setError(sentenceOf(failure)))
      .finally(() => {
        running.current = false;
        setBusy(false);
      });
  }, []);
  return { run, busy, error };
}

/**
 * The sentence of a failure, read out when it comes; where it happened, if that is known, is one click away. `answer`:
 * whether it answers what the person just did, so that it comes into sight.
 */
export function Failure({ error, answer = false }: { error: string | null; answer?: boolean }) {
  const banner = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (answer && error !== null) banner.current?.scrollIntoView({ block: 'nearest' });
  }, [answer, error]);
  if (error === null) return null;
  const [sentence, ...where] = error.split('\n');
  return (
    <div className="banner bad" role="alert" ref={banner}>
      <span>{sentence}</span>
      {where.length > 0 && (
        <details>
          <summary>Where</summary>
          <span className="mono small">{where.join('\n')}</span>
        </details>
      )}
    </div>
  );
}

/** What came of the person's deed, read out when it comes. */
export function Told({ text }: { text: string | null }) {
  return (
    <p className="small muted told" role="status">
      {text}
    </p>
  );
}

/** Fields with one button that sends them; Enter does the same. */
export function Form(props: {
  action: Action;
  submit: string;
  busy?: string;
  disabled?: boolean;
  danger?: boolean;
  /** Not what the screen is there for: its button stands back. */
  quiet?: boolean;
  onSubmit: () => Promise<unknown>;
  children?: ReactNode;
  more?: ReactNode;
}) {
  const { action } = props;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!action.busy) action.run(props.onSubmit);
  };
  return (
    <form className="stack" onSubmit={submit}>
      {props.children}
      <div className="row">
        <button
          type="submit"
          className={props.danger ? 'danger' : props.quiet ? '' : 'primary'}
          disabled={props.disabled === true && !action.busy}
          aria-disabled={action.busy}
        >
          {action.busy ? (props.busy ?? 'Working…') : props.submit}
        </button>
        {props.more}
      </div>
      <Failure error={action.error} answer />
    </form>
  );
}

/**
 * A button for one deed, with the sentence of its failure below. Where it cannot be pressed, say while it works, it keeps
 * the focus all the same, which the browser takes from what is disabled.
 */
export function Deed(props: {
  label: string;
  busy?: string;
  /** What the button says once it was done, if it is not to be done again. */
  done?: string;
  disabled?: boolean;
  danger?: boolean;
  primary?: boolean;
  /** Question to answer first. */
  confirm?: string;
  onDo: () => Promise<unknown>;
}) {
  const action = useAction();
  const [done, setDone] = useState(false);
  const work = () => props.onDo().then(() => setDone(props.done !== undefined));
  const idle = !action.busy && !done && props.disabled !== true;
  const start = () => {
    if (!idle) return;
    if (props.confirm === undefined || window.confirm(props.confirm)) action.run(work);
  };
  return (
    <>
      <button
        type="button"
        className={props.danger ? 'danger' : props.primary ? 'primary' : ''}
        aria-disabled={!idle}
        onClick={start}
      >
        {action.busy ? (props.busy ?? 'Working…') : done ? props.done : props.label}
      </button>
      <Failure error={action.error} answer />
    </>
  );
}

export function TextField(props: {
  label: string;
  hint?: ReactNode;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  type?: 'text' | 'password' | 'number';
  /** Which keys a phone's keyboard shows. */
  inputMode?: 'text' | 'decimal';
  autoComplete?: string;
  required?: boolean;
}) {
  return (
    <label>
      {props.label}
      {props.hint !== undefined && <span className="hint">{props.hint}</span>}
      <input
        type={props.type ?? 'text'}
        inputMode={props.inputMode}
        value={props.value}
        placeholder={props.placeholder}
        spellCheck={false}
        autoComplete={props.autoComplete ?? 'off'}
        required={props.required ?? false}
        onChange={(event) => props.onChange(event.target.value)}
      />
    </label>
  );
}

export function TextArea(props: {
  label: string;
  hint?: ReactNode;
  value: string;
  onChange: (value: string) => void;
  rows?: number;
}) {
  return (
    <label>
      {props.label}
      {props.hint !== undefined && <span className="hint">{props.hint}</span>}
      <textarea
        value={props.value}
        rows={props.rows ?? 4}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => props.onChange(event.target.value)}
      />
    </label>
  );
}

export function Select<T extends string>(props: {
  label: string;
  hint?: ReactNode;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  return (
    <label>
      {props.label}
      {props.hint !== undefined && <span className="hint">{props.hint}</span>}
      <select value={props.value} onChange={(event) => props.onChange(event.target.value as T)}>
        {props.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Check(props: {
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className="choice">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      <span>
        <strong>{props.label}</strong>
        {props.hint !== undefined && <span className="hint">{props.hint}</span>}
      </span>
    </label>
  );
}

/** Lets the person choose a file, which is read at once. */
export function FileField(props: {
  label: string;
  hint?: ReactNode;
  accept?: string;
  onChoose: (file: ChosenFile | null) => void;
}) {
  const [error, setError] = useState<string | null>(null);
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    setError(null);
    if (file === undefined) props.onChoose(null);
    else readFile(file).then(props.onChoose, () => setError('The file cannot be read.'));
  };
  return (
    <>
      <label>
        {props.label}
        {props.hint !== undefined && <span className="hint">{props.hint}</span>}
        <input type="file" accept={props.accept} onChange={choose} />
      </label>
      <Failure error={error} />
    </>
  );
}
