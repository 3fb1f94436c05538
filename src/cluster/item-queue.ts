import { Gate } from './gate.ts';

/** A queue between one writer and one reader; the writer waits while it is full. */
export class ItemQueue<T> implements AsyncIterable<T> {
  private readonly items: T[] = [];
  private readonly filled = new Gate();
  private readonly emptied = new Gate();
  private ended = false;
  private failure: unknown = null;

  constructor(private readonly capacity: number) {}

  /** Adds an item; resolves once there is room for another one. Throws when the reader is gone. */
  async push(item: T): Promise<void> {
    if (this.ended) throw new DOMException('nobody reads any more', 'AbortError');
    this.items.push(item);
    this.filled.open();
    while (this.items.length >= this.capacity && !this.ended) await this.emptied.wait();
  }

  /** Adds an item without waiting, for news that the writer's work must not wait for. */
  tell(item: T): void {
    if (this.ended) return;
    this.items.push(item);
    this.filled.open();
  }

  /** Ends the iteration after the items that are there, with an error if one is given. */
  end(failure: unknown = null): void {
    this.failure = failure;
    this.ended = true;
    this.filled.open();
    this.emptied.open();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (;;) {
        while (this.items.length === 0 && !this.ended) await this.filled.wait();
        const item = this.items.shift();
        if (item === undefined) break;
        this.emptied.open();
        yield item;
      }
      if (this.failure !== null) throw this.failure;
    } finally {
      this.end(this.failure);
    }
  }
}
