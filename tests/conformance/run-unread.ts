/** Which recorded values of a set's JSON files no case looks at: a fact that nobody reads proves nothing. */

/** How many values stand at a path of a file, and how many of them were read. */
export interface Coverage {
  values: number;
  read: number;
}

/** Coverage by `file: path`, where `[]` stands for every index of a list. */
export type CoverageByPath = Record<string, Coverage>;

const isBranch = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Observes JSON documents: what is read of them is noted. */
export class ReadObserver {
  private readonly coverage = new Map<string, Coverage>();

  /** The same document, whose primitive values are noted when they are read. */
  observe<T>(file: string, document: T): T {
    return isBranch(document) ? (this.wrap(`${file}: `, document) as T) : document;
  }

  result(): CoverageByPath {
    return Object.fromEntries(this.coverage);
  }

  private wrap(path: string, target: object): object {
    const isList = Array.isArray(target);
    const pathOf = (key: string) => `${path}${isList ? '[]' : `.${key}`}`;
    const children = new Map<string, object>();
    const unread = new Set<string>();
    for (const [key, value] of Object.entries(target) as [string, unknown][]) {
      if (isBranch(value)) {
        children.set(key, this.wrap(pathOf(key), value));
        continue;
      }
      unread.add(key);
      this.at(pathOf(key)).values += 1;
    }
    return new Proxy(target, {
      get: (_, key) => {
        if (typeof key === 'string' && unread.delete(key)) this.at(pathOf(key)).read += 1;
        return (typeof key === 'string' && children.get(key)) || (Reflect.get(target, key) as unknown);
      },
    });
  }

  private at(path: string): Coverage {
    let known = this.coverage.get(path);
    if (known === undefined) this.coverage.set(path, (known = { values: 0, read: 0 }));
    return known;
  }
}
