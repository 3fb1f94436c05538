/** The runtime of the recorded chains, and extrinsics of their blocks: their roots, every call by the runtime’s types. */
import { runtimeIdentity } from '../../src/chain/state/constants.ts';
import { decodeExtrinsic, encodeExtrinsic } from '../../src/protocol/extrinsic.ts';
import { decodeHeader } from '../../src/protocol/header.ts';
import type { RuntimeVariant } from '../../src/protocol/metadata-codec.ts';
import { RuntimeMetadata, type DecodedCall } from '../../src/protocol/metadata.ts';
import { orderedTrieRoot } from '../../src/protocol/trie.ts';
import { expectFacts, expectSame, type Recorded } from './protocol-support.ts';
import { camel, hex, metadataOf, type ChainFile } from './state-recordings.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

/** Calls by sudo whose argument recorded kinds name; of others only the call is compared. */
const NAMED_ARGUMENTS = new Set([
  'enable_rewards_at',
  'enable_solution_range_adjustment',
  'set_pot_slot_iterations',
]);

/** The first argument of a call by sudo, as recorded kinds have it. */
function argumentOf({ type, value }: RuntimeVariant): string {
  const [argument] = Object.values((value ?? {}) as Recorded);
  const isThere = argument !== undefined && argument !== null;
  if (type === 'enable_solution_range_adjustment') return isThere ? ' override' : ' no override';
  if (!isThere) return '';
  if (typeof argument !== 'object') return ` ${String(argument)}`;
  const variant = argument as RuntimeVariant;
  return variant.value === null ? ` ${variant.type}` : ` ${variant.type}(${String(variant.value)})`;
}

/** `pallet.call` as in recorded kinds such as `sudo(subspace.enable_rewards_at Height(10))`. */
function kindOf({ pallet, call, args }: DecodedCall): string {
  const name = (one: string) => one.slice(0, 1).toLowerCase() + one.slice(1);
  if (pallet === 'Sudo' && call === 'sudo') {
    const inner = (args as { call: RuntimeVariant }).call;
    const called = inner.value as RuntimeVariant;
    const argument = NAMED_ARGUMENTS.has(called.type) ? argumentOf(called) : '';
    return `sudo(${name(inner.type)}.${called.type}${argument})`;
  }
  return `${name(pallet)}.${call}`;
}

/** How recordings write kinds: a call, or one by sudo, which its argument may follow. */
const KIND = /^(?:inherent:)?(?:\w+\.\w+|sudo\(\w+\.\w+(?: .*)?\))$/;

/** Throws unless a recorded kind is the one computed, as far as it is in words that are known here. */
function expectKind(kind: string, recorded: string): void {
  if (!KIND.test(recorded)) return;
  // All transfers are recorded as one kind.
  const plain = (text: string) => text.replace(/^(balances\.transfer)_\w+$/, '$1');
  const isNamed = [...NAMED_ARGUMENTS].some((one) => kind.includes(`.${one} `));
  expectSame('kind', plain(kind), plain(isNamed ? recorded : recorded.replace(/ .*\)$/, ')')));
}

function* extrinsicCases(
  file: string,
  chain: ChainFile,
  metadata: RuntimeMetadata,
): Generator<ConformanceCase> {
  yield {
    name: `${file}: runtime`,
    rule: 'runtime-metadata',
    run: () => {
      const version = Object.entries(metadata.constant('System', 'Version') as Recorded);
      expectFacts(
        chain.meta.runtime,
        Object.fromEntries(version.map(([field, value]) => [camel(field), value])),
      );
    },
  };
  const { extrinsicsVersion } = runtimeIdentity(metadata);
  for (const block of chain.blocks) {
    yield {
      name: `${file}: extrinsics of ${block.branch} ${block.number}`,
      rule: 'extrinsics-root',
      run: () => {
        const extrinsics = block.extrinsics.map(hex);
        const { extrinsicsRoot } = decodeHeader(hex(block.headerScale));
        expectSame('extrinsics root', orderedTrieRoot(extrinsics, extrinsicsVersion), extrinsicsRoot);
        extrinsics.forEach((bytes, index) => {
          const extrinsic = decodeExtrinsic(bytes);
          const call = metadata.decodeCall(extrinsic.call);
          const rebuilt = metadata.encodeCall(call.pallet, call.call, call.args);
          expectSame('built again', encodeExtrinsic({ ...extrinsic, call: rebuilt }), bytes);
          const kind = (extrinsic.kind === 'bare' ? 'inherent:' : '') + kindOf(call);
          expectKind(kind, block.extrinsicKinds[index] ?? '');
        });
      },
    };
  }
}

async function* extrinsicSuite(ctx: ConformanceContext, files: string[]): AsyncGenerator<ConformanceCase> {
  const metadata = await metadataOf(ctx, files, 14);
  for (const name of ['chain', 'forks']) {
    const file = `chain/${name}.json.gz`;
    if (files.includes(file)) yield* extrinsicCases(name, await ctx.json<ChainFile>(file), metadata);
  }
}

/** The runtime of the recorded chains, and every call of their blocks by its own types. */
export const extrinsics: ConformanceSuite = {
  files: [/^chain\/(chain|forks)\.json\.gz$/],
  companions: [/^chain\/chronos-metadata-v14\.hex\.gz$/],
  cases: extrinsicSuite,
};
