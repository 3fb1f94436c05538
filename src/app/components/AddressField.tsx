import { useAddressBeginning } from '../node-client.ts';
import { TextField } from './forms.tsx';

/** A field for an account's address; empty, it shows how addresses of the followed network begin. */
export function AddressField(props: {
  label: string;
  hint?: string;
  /** The address that is taken where none is given. */
  usual?: string | null;
  value: string;
  onChange: (value: string) => void;
}) {
  const { usual, ...field } = props;
  const beginning = useAddressBeginning();
  return <TextField {...field} placeholder={usual ?? beginning} />;
}
