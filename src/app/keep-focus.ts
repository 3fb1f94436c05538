/**
 * Where the focus goes when what has it leaves the page, or can be pressed no more. Browsers give it to nothing then, and
 * who uses the keyboard, or hears the page, begins anew at its top.
 */

/** After this the app has put the focus where it wants it. */
const SETTLED_MS = 50;

/** Watches over the focus inside an element; returns what stops that. */
export function keepFocus(root: HTMLElement): () => void {
  let last: HTMLElement | null = null;
  let refuges: (HTMLElement | null | undefined)[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const focused = ({ target }: FocusEvent): void => {
    last = target as HTMLElement;
    refuges = [
      last.closest('form')?.querySelector<HTMLElement>('button[type=submit]'),
      last.closest('section.card')?.querySelector<HTMLElement>('h2'),
    ];
  };
  // Who presses beside everything wants it nowhere.
  const pressed = ({ target }: PointerEvent): void => {
    if (last?.contains(target as Node) !== true) last = null;
  };
  const rescue = (): void => {
    const { activeElement, body } = document;
    if (last === null || !isLost(last) || (activeElement !== body && activeElement !== last)) return;
    const refuge = refuges.find((one) => one != null && !isLost(one)) ?? root.querySelector('h1') ?? root;
    if (refuge.tabIndex < 0) refuge.tabIndex = -1;
    refuge.focus({ preventScroll: true });
  };
  const changes = new MutationObserver(() => {
    if (last === null || !isLost(last)) return;
    clearTimeout(timer);
    timer = setTimeout(rescue, SETTLED_MS);
  });
  root.addEventListener('focusin', focused);
  document.addEventListener('pointerdown', pressed);
  changes.observe(root, { subtree: true, childList: true, attributes: true, attributeFilter: ['disabled'] });
  return () => {
    clearTimeout(timer);
    changes.disconnect();
    root.removeEventListener('focusin', focused);
    document.removeEventListener('pointerdown', pressed);
  };
}

const isLost = (element: HTMLElement): boolean => !element.isConnected || element.matches(':disabled');
