/** Fields for what opens a wallet. */
import { Check, TextArea, TextField } from './forms.tsx';

/** The words that a wallet is made of, and the passphrase that some have beside them. */
export function RecoveryPhrase(props: {
  phrase: string;
  passphrase: string;
  onPhrase: (text: string) => void;
  onPassphrase: (text: string) => void;
}) {
  return (
    <>
      <TextArea
        label="Recovery phrase"
        hint="12 or 24 words, in order. They do not leave this browser."
        value={props.phrase}
        onChange={props.onPhrase}
      />
      <details>
        <summary>It has an extra passphrase</summary>
        <TextField
          label="Passphrase"
          type="password"
          value={props.passphrase}
          onChange={props.onPassphrase}
        />
      </details>
    </>
  );
}

/** A new password, twice. */
export function Passwords(props: {
  password: string;
  again: string;
  onPassword: (text: string) => void;
  onAgain: (text: string) => void;
}) {
  return (
    <>
      <TextField
        label="Password"
        hint="At least 8 characters. It unlocks the wallet in this browser."
        type="password"
        autoComplete="new-password"
        value={props.password}
        onChange={props.onPassword}
      />
      <TextField
        label="The same password again"
        type="password"
        autoComplete="new-password"
        value={props.again}
        onChange={props.onAgain}
      />
    </>
  );
}

/** Throws unless both are the same. */
export function requireSame(password: string, again: string): void {
  if (password !== again) throw new Error('The two passwords are not the same.');
}

/** Asks whether what is restored may take the place of the wallet that is there. */
export function ReplaceWallet({
  by,
  sure,
  onChange,
}: {
  by: 'backup' | 'copy' | 'phrase';
  sure: boolean;
  onChange: (sure: boolean) => void;
}) {
  return (
    <Check
      label="Replace the wallet of this browser"
      hint={
        by === 'phrase'
          ? 'The phrase brings back accounts and keys. Names, credentials and permissions are lost.'
          : `What is not in the ${by} is lost. Nothing is replaced unless all of the ${by} opens.`
      }
      checked={sure}
      onChange={onChange}
    />
  );
}
