import { useCallback, useState, type ReactNode } from 'react';
import type { IdentityView } from '../../identity/identity-view.ts';
import { identity, useLoaded } from '../wallet-client.ts';
import { Empty } from './basics.tsx';
import { Select } from './forms.tsx';

/** All identities in the wallet, and those that the person can act as. */
export function useIdentities() {
  const loaded = useLoaded(useCallback(() => identity.identities(), []));
  const all = loaded.value ?? [];
  const own = all.filter(({ role, deactivated }) => role === 'own' && !deactivated);
  return { ...loaded, all, own };
}

/** The identity that the person acts as: the first unless another is chosen. */
export function useActing(own: IdentityView[]): { did: string; choose: (did: string) => void } {
  const [chosen, choose] = useState('');
  return { did: chosen === '' ? (own[0]?.did ?? '') : chosen, choose };
}

/** Chooses the identity to act as. */
export function ActingAs(props: {
  label: string;
  hint?: ReactNode;
  own: IdentityView[];
  acting: ReturnType<typeof useActing>;
}) {
  const { label, hint, own, acting } = props;
  return (
    <Select
      label={label}
      hint={hint}
      value={acting.did}
      options={own.map(({ did, name }) => [did, name] as const)}
      onChange={acting.choose}
    />
  );
}

/** What needs an identity, or that there is none yet. */
export function WithIdentity(props: { own: IdentityView[]; without?: string; children: ReactNode }) {
  const { own, without = 'Make an identity first.' } = props;
  return own.length === 0 ? <Empty>{without}</Empty> : props.children;
}
