/** What a reference node and farmer said to each other, and a recorded chain: read, and said the same way. */
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';
import { blockCases } from './wire-blocks.ts';
import { callCases } from './wire-calls.ts';
import { frameCases } from './wire-conversation.ts';
import type { BlocksFile, CallsFile, Frame } from './wire-recordings.ts';

async function* cases(ctx: ConformanceContext, files: string[]): AsyncGenerator<ConformanceCase> {
  const load = <T>(name: string): Promise<T> | null =>
    files.includes(`wire/${name}`) ? ctx.json<T>(`wire/${name}`) : null;
  const calls = await load<CallsFile>('rpc_calls.json');
  const long = await load<CallsFile>('rpc_calls_long_chain.json');
  const connection = await load<{ frames: Frame[] }>('rpc_farmer_connection.json');
  const blocks = await load<BlocksFile>('blocks.json');
  if (calls) {
    yield* callCases('wire/rpc_calls', calls);
    yield* frameCases('wire/rpc_calls', calls.subscriptions ?? []);
  }
  if (long) yield* callCases('wire/rpc_calls_long_chain', long);
  if (connection) yield* frameCases('wire/rpc_farmer_connection', connection.frames);
  if (blocks) yield* blockCases(blocks, long);
}

export const wire: ConformanceSuite = {
  files: [/^wire\/(blocks|rpc_calls|rpc_calls_long_chain|rpc_farmer_connection)\.json$/],
  cases,
};
