/** An issuer's list of revocations on its way into history, which outlasts the page: it is announced once it is there. */
import * as v from 'valibot';

const storedList = v.object({ text: v.string(), cid: v.string() });

/** The signed list, and the object that it is stored as. */
export type StoredList = v.InferOutput<typeof storedList>;

const keyOf = (issuer: string): string => `status-list:${issuer}`;

/** The list of an issuer that was sent to be stored and is not announced yet; null: there is none. */
export function keptList(issuer: string): StoredList | null {
  try {
    const parsed = v.safeParse(storedList, JSON.parse(localStorage.getItem(keyOf(issuer)) ?? 'null'));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

/** Where the browser keeps no more, the list is lost with the page, and can be signed anew. */
export function keepList(issuer: string, list: StoredList): void {
  try {
    localStorage.setItem(keyOf(issuer), JSON.stringify(list));
  } catch {
    // Full, or not allowed.
  }
}

export function forgetList(issuer: string): void {
  localStorage.removeItem(keyOf(issuer));
}
