/** Every recorded mutant of a block, refused for its rule. */
import { blockId, blockOf, type BlockContext } from '../../src/chain/block.ts';
import { readJustification } from '../../src/chain/rules/header.ts';
import { checkAfterSolution, checkBeforeSolution } from '../../src/chain/rules/import.ts';
import { verifySolution } from '../../src/crypto/solution.ts';
import type { ImportableBlock } from '../../src/network/source.ts';
import { subspaceDigests } from '../../src/protocol/digest.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { encodeHeader, headerHash, toRpcHeader } from '../../src/protocol/header.ts';
import type { ChainConstants, Header } from '../../src/protocol/types.ts';
import { expectReferenceError } from './chain-errors.ts';
import type { ChainFile, NegativeFile } from './chain-recordings.ts';
import { importable, Replay, unprefixed } from './chain-support.ts';
import { expectFacts, expectSame, pick, refusal, type Recorded } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';

/** What importing alone refuses, as a node does that has verified nothing beforehand. */
async function checkImportAlone(candidate: ImportableBlock, parent: BlockContext, constants: ChainConstants) {
  const { header, justification } = candidate;
  const block = blockOf(header, subspaceDigests(header), readJustification(justification));
  const pieceCheck = checkBeforeSolution(block, parent, constants);
  const { preDigest, solutionRange } = block.digests;
  const { solution, slot, proofOfTime } = preDigest;
  verifySolution(solution, slot, { proofOfTime, solutionRange, pieceCheck });
  checkAfterSolution(block, parent, constants);
}

function refusedFor(error: Error | null): ProtocolError | null {
  if (error !== null && !(error instanceof ProtocolError)) throw error;
  return error;
}

function ruleOf(error: Error | null): string | null {
  return refusedFor(error)?.rule ?? null;
}

/** A recorded header of a block that is not valid, in all its forms. */
function checkRefusedHeader(recorded: Recorded, { header }: ImportableBlock): void {
  const forms = pick(recorded, ['number', 'hash', 'header', 'headerScale']);
  expectFacts(unprefixed(forms) as Recorded, {
    number: header.number,
    hash: headerHash(header),
    header: unprefixed(toRpcHeader(header)),
    headerScale: encodeHeader(header),
  });
}

export function* negativeCases(
  negative: NegativeFile,
  chain: ChainFile,
  replay: Replay,
): Generator<ConformanceCase> {
  const blocks = new Map(chain.blocks.map((block) => [block.hash, block]));
  const baseOf = (hash: string): Header => {
    const base = blocks.get(hash);
    if (base === undefined) throw new Error(`${hash}, which it was made from, is not in the chain`);
    return importable(base).header;
  };
  // Whose parent is unknown is offered as a child of the parent of the block that it was made from.
  const parentOf = ({ header }: ImportableBlock, base: string): BlockContext =>
    replay.contexts.get(blockId(header.parentHash)) ?? replay.contextOf(baseOf(base).parentHash);
  yield {
    name: 'negative-headers: genesis',
    rule: 'genesis',
    run: () => expectSame('genesis', negative.genesisHash, chain.meta.genesis.hash),
  };
  for (const recorded of negative.cases) {
    yield {
      name: `negative-headers: ${recorded.name} (${recorded.number})`,
      rule: recorded.rule,
      run: async () => {
        const candidate = importable(recorded);
        checkRefusedHeader(recorded, candidate);
        const base = baseOf(recorded.base);
        const parent = parentOf(candidate, recorded.base);
        const alone = ruleOf(await refusal(() => replay.verifyAlone(candidate)));
        expectSame('stage', alone === null ? 'import' : 'stateless', recorded.stage);
        if (alone !== null) expectSame('rule of the header alone', alone, recorded.rule);
        const refused = refusedFor(await refusal(() => replay.verify([candidate], parent)));
        expectSame('rule', refused?.rule, recorded.rule);
        if (refused !== null && recorded.referenceError !== undefined) {
          expectReferenceError(recorded.referenceError, refused, candidate.header, base);
        }
        const { constants } = replay.verifier;
        const imported = ruleOf(await refusal(() => checkImportAlone(candidate, parent, constants)));
        expectSame('rule of the import', imported, recorded.importRuleIfStatelessIsSkipped);
      },
    };
  }
  for (const recorded of negative.headerValidOnly) {
    yield {
      name: `negative-headers: ${recorded.name} (${recorded.number}), valid as a header`,
      rule: 'header-valid-only',
      run: async () => {
        const candidate = importable(recorded);
        checkRefusedHeader(recorded, candidate);
        baseOf(recorded.base);
        expectSame('verdict', 'header checks accept', recorded.expect);
        await replay.verify([candidate], parentOf(candidate, recorded.base));
      },
    };
  }
}
