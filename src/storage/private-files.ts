let found: Promise<boolean> | undefined;

/** Whether the browser gives the page files of its own: in private windows some have the interface and give none. */
export function privateFiles(): Promise<boolean> {
  found ??= (async () => {
    try {
      await navigator.storage.getDirectory();
      return true;
    } catch {
      return false;
    }
  })();
  return found;
}
