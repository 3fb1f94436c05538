/** One recorded fact to reproduce; `run` throws when the project disagrees with the recording. */
export interface ConformanceCase {
  name: string;
  /** The protocol rule that the case proves, by the name the specification gives it. */
  rule: string;
  run(): void | Promise<void>;
}

export interface ConformanceContext {
  dir: string;
  /** Bytes of a file of the set, decompressed when its name ends in `.gz`. */
  read(path: string): Promise<Uint8Array>;
  /** A JSON file of the set, decompressed when its name ends in `.gz`. */
  json<T>(path: string): Promise<T>;
}

export interface ConformanceSuite {
  /** Names, relative to the set's folder, of the files that this suite makes cases of. */
  files: RegExp[];
  /** Names of files that its cases use, which are no cases without one of the others. */
  companions?: RegExp[];
  cases(
    ctx: ConformanceContext,
    files: string[],
  ): AsyncIterable<ConformanceCase> | Iterable<ConformanceCase> | Promise<Iterable<ConformanceCase>>;
}
