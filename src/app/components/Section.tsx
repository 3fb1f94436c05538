import { useState, type ReactNode } from 'react';
import { useFold, useRouteDetail } from '../hooks.ts';
import { Card } from './basics.tsx';

/** A card of the settings. An address that ends with its name leads to it: `#/settings/nodes`. */
export function Section(props: {
  name: string;
  title: string;
  aside?: ReactNode;
  /** Whether it is rarely needed: on a phone it is folded until it is wanted. */
  rare?: boolean;
  children: ReactNode;
}) {
  const wanted = useRouteDetail() === props.name;
  const fold = useFold(wanted);
  const [was, setWas] = useState(wanted);
  // Not in an effect: it has its height before it comes into sight, or the page's end keeps it down there.
  if (wanted !== was) {
    setWas(wanted);
    if (wanted) fold.onToggle(true);
  }
  return (
    <Card title={props.title} span={6} aside={props.aside} answer={wanted} {...(props.rare ? fold : {})}>
      {props.children}
    </Card>
  );
}
