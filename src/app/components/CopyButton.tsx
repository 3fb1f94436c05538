import { useEffect, useState } from 'react';
import { Failure, useAction } from './forms.tsx';

const TOLD_MS = 3_000;

/** Copies a text, and says for a moment that it did, or why it could not. */
export function CopyButton(props: { text: string; label?: string; done?: string }) {
  const { text, label = 'Copy', done = 'Copied' } = props;
  const action = useAction();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), TOLD_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch (cause) {
      throw new Error('The browser does not let this page write to the clipboard.', { cause });
    }
    setCopied(true);
  };
  return (
    <>
      <button type="button" onClick={() => action.run(copy)}>
        {copied ? done : label}
      </button>
      <Failure error={action.error} />
    </>
  );
}
