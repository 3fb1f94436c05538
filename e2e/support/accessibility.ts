/**
 * What a page owes to people who do not see it well, do not use a mouse, or use a phone. Names and roles are
 * those that Chromium itself computes.
 */
import type { CDPSession, Page } from '@playwright/test';

/** Roles whose element is nothing without a name. */
const NAMED = new Set([
  'button',
  'link',
  'textbox',
  'searchbox',
  'combobox',
  'listbox',
  'checkbox',
  'radio',
  'slider',
  'spinbutton',
  'tab',
  'image',
  'img',
  'progressbar',
  'dialog',
  'navigation',
]);

/** Smallest side of what is to be touched, in CSS pixels: by a finger (WCAG 2.5.5), by a pointer (WCAG 2.5.8). */
const TOUCH_PX = { finger: 44, pointer: 24 };
/** Up to this width the page is laid out for fingers. */
const PHONE_PX = 480;

interface Node {
  ignored: boolean;
  role?: { value?: string };
  name?: { value?: string };
  properties?: { name: string; value: { value?: unknown } }[];
}

/** Violations of a page as it stands, each as “rule: what”; none is an empty list. */
export async function violations(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const touch = page.viewportSize()!.width <= PHONE_PX ? TOUCH_PX.finger : TOUCH_PX.pointer;
  try {
    return [
      ...(await unnamed(session)),
      ...(await page.evaluate(lowContrasts)),
      ...(await page.evaluate(laidOut, touch)),
    ];
  } finally {
    await session.detach();
  }
}

/** Controls and pictures without a name. */
async function unnamed(session: CDPSession): Promise<string[]> {
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: Node[] };
  return nodes
    .filter(({ ignored, role, name }) => !ignored && NAMED.has(role?.value ?? '') && !name?.value?.trim())
    .map(({ role }) => `name: a ${role?.value} has none`);
}

/**
 * Runs in the page: texts, and edges of fields, that are hard to tell from their ground (WCAG AA); what is disabled need
 * not be.
 */
function lowContrasts(): string[] {
  const brush = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
  /** The colours over each other, the lowest first, as red, green and blue. */
  const mixed = (colours: string[]): number[] => {
    brush.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 1, 1);
    }
    return Array.from(brush.getImageData(0, 0, 1, 1).data.subarray(0, 3));
  };
  const luminance = (rgb: number[]): number => {
    const [red, green, blue] = rgb.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  /** Contrast of a colour with all that lies behind an element. */
  const contrast = (colour: string, element: Element | null): number => {
    const grounds: string[] = [];
    for (let at = element; at !== null; at = at.parentElement)
      grounds.unshift(getComputedStyle(at).backgroundColor);
    const [lighter, darker] = [luminance(mixed(grounds)), luminance(mixed([...grounds, colour]))].sort(
      (one, other) => other - one,
    );
    return (lighter! + 0.05) / (darker! + 0.05);
  };
  const found = new Set<string>();
  for (const field of document.querySelectorAll(
    'input:is([type=text], [type=number], [type=password]), textarea, select',
  )) {
    if (!field.checkVisibility({ visibilityProperty: true }) || field.matches(':disabled')) continue;
    const edge = getComputedStyle(field).borderTopColor;
    const ratio = Math.min(contrast(edge, field), contrast(edge, field.parentElement));
    if (ratio < 3)
      found.add(`contrast: the edge of a ${field.tagName.toLowerCase()} has ${ratio.toFixed(2)}`);
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode() !== null) {
    const element = texts.currentNode.parentElement!;
    const text = texts.currentNode.textContent!.trim();
    if (text === '' || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
      continue;
    if (element.closest(':disabled, label:has(:disabled), option, .visually-hidden, .skip') !== null)
      continue;
    const style = getComputedStyle(element);
    const size = Number.parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(style.color, element);
    if (ratio < (isLarge ? 3 : 4.5)) found.add(`contrast: “${text.slice(0, 40)}” has ${ratio.toFixed(2)}`);
  }
  return [...found];
}

/** Runs in the page: order of headings, identifiers, what sticks out, what is too small to touch. */
function laidOut(touch: number): string[] {
  const found: string[] = [];
  const shows = (element: Element): boolean =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const words = (element: Element): string =>
    `${element.tagName.toLowerCase()} “${(element.textContent ?? '').trim().slice(0, 40)}”`;

  const headings = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(shows);
  const levels = headings.map(({ tagName }) => Number(tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) found.push('headings: not one of the first level');
  levels.forEach((level, index) => {
    if (level > (levels[index - 1] ?? 0) + 1)
      found.push(`headings: ${words(headings[index]!)} skips a level`);
  });
  if (document.querySelectorAll('main').length !== 1) found.push('landmarks: not one main');

  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index)))
    found.push(`id: ${id} is there twice`);

  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push('overflow: the page scrolls sideways');
  const scrolls = (element: Element): boolean =>
    element.closest('.scroll, .nav, .log, .tree, pre, .chain-picture, .visually-hidden, .skip, .cut > *') !==
    null;
  for (const element of document.querySelectorAll('main *')) {
    if (!shows(element) || scrolls(element)) continue;
    const { right, left } = element.getBoundingClientRect();
    if (right > width + 1 || left < -1) found.push(`overflow: ${words(element)}`);
  }

  for (const element of document.querySelectorAll(
    'button, summary, input, select, textarea, a.button, nav a',
  )) {
    if (!shows(element) || element.matches('.link')) continue;
    // A label is touched as well as what it names.
    const { height, width: wide } = (element.closest('label') ?? element).getBoundingClientRect();
    if (Math.min(height, wide) < touch)
      found.push(`touch: ${words(element)} is ${Math.round(wide)} × ${Math.round(height)} px`);
  }
  return found;
}
