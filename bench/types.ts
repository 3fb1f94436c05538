/** A figure that `npm run bench` prints, with how it is measured. */
export interface Benchmark {
  group: string;
  name: string;
  unit: string;
  better: 'lower' | 'higher';
  /** What does the work that is measured; absent: Node.js. */
  where?: 'node' | 'chromium' | 'native';
  /** The goal as the ratio it must reach, or a sentence. */
  goal?: string;
  run(): Promise<BenchmarkResult>;
}

export interface BenchmarkResult {
  /** Median of at least five runs after a warm-up. */
  value: number;
  /** What `ratio` compares with. */
  peer?: string;
  /** Value against the peer's, oriented so that higher is better; null where no peer can run here. */
  ratio?: number | null;
  runs: number;
}
