/** Tells listeners that something changed, once for all that happens in the same turn. */
export class Changes {
  private readonly listeners = new Set<() => void>();
  private due = false;

  /** Calls `listener` after every change; returns what stops that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Something changed. */
  tell(): void {
    if (this.due) return;
    this.due = true;
    queueMicrotask(() => {
      this.due = false;
      for (const listener of this.listeners) listener();
    });
  }

  /** Forgets the listeners. */
  close(): void {
    this.listeners.clear();
  }
}
