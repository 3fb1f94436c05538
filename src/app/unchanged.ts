/** What came anew and is as before stays the same object, so that whoever draws it sees at once that nothing changed. */

/**
 * `next`, in which every part that equals its counterpart in `before` is that counterpart. For plain data: lists and
 * records are looked into, anything else is the same only if it is identical.
 */
export function unchanged<T>(next: T, before: unknown): T {
  if (Object.is(next, before)) return next;
  if (Array.isArray(next) && Array.isArray(before)) {
    let same = next.length === before.length;
    const kept = next.map((part, index) => {
      const one: unknown = unchanged(part, before[index]);
      same &&= Object.is(one, before[index]);
      return one;
    });
    return (same ? before : kept) as T;
  }
  if (!isRecord(next) || !isRecord(before)) return next;
  const keys = Object.keys(next);
  let same = keys.length === Object.keys(before).length;
  const kept: Record<string, unknown> = {};
  for (const key of keys) {
    kept[key] = unchanged(next[key], before[key]);
    same &&= Object.hasOwn(before, key) && Object.is(kept[key], before[key]);
  }
  return (same ? before : kept) as T;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
