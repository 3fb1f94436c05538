/** What a browser must have before anything can begin. */

/** What is looked at: the globals of a worker. */
interface Surroundings {
  isSecureContext?: boolean;
  WebAssembly?: unknown;
  indexedDB?: unknown;
  navigator?: { locks?: unknown };
}

/** Why nothing can begin here, and what the person can do, as a sentence; null: nothing is lacking. */
export function lacking(world: Surroundings): string | null {
  if (world.isSecureContext === false)
    return 'Browsers give a page keys and storage only over https:// or from this machine itself. Open it by https://, or as http://localhost on the machine that serves it.';
  if (world.WebAssembly === undefined)
    return 'WebAssembly is turned off in this browser, so that nothing can be verified. Strict security modes (Lockdown Mode on iPhones, “Enhanced security” in Edge) turn it off: allow it for this page, or take another browser.';
  if (world.indexedDB === undefined || world.indexedDB === null)
    return 'This browser gives the page no storage, as in some private windows. Open it in an ordinary window.';
  if (world.navigator?.locks === undefined)
    return 'This browser is too old: it cannot tell tabs apart that run the same app. Take one of the last three years.';
  return null;
}
