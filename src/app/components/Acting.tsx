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

/** That there is no identity yet, and where one is made; `because` says what it is for. */
export function NoIdentity({ because }: { because?: string | undefined }) {
  return (
    <Empty>
      <a href="#/identity/people">Make an identity</a> first{because === undefined ? '.' : `: ${because}`}
    </Empty>
  );
}

/** What needs an identity, or that there is none yet. */
export function WithIdentity(props: { own: IdentityView[]; because?: string; children: ReactNode }) {
  return props.own.length === 0 ? <NoIdentity because={props.because} /> : props.children;
}
