/** Retrieval of every recorded object from its mapping, and the refusals of wrong ones. */
import { equal, fromHex } from '../../src/protocol/bytes.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import { fetchObject } from '../../src/protocol/object-retrieval.ts';
import type { GlobalObject } from '../../src/protocol/types.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { RebuiltHistory, type ArchivingFile } from './archive-support.ts';
import { casesOf, expectRefusal, expectSame, namedBytes, refusal } from './protocol-support.ts';
import type { ConformanceCase, ConformanceSuite } from './types.ts';

interface RecordedHint {
  hash: string;
  piece_index: number;
  offset: number;
}

interface RecordedData {
  hash: string;
  data_name: string;
  data_len: number;
}

interface ObjectsFile {
  label: string;
  max_object_len: number;
  retrieval: (RecordedHint &
    RecordedData & {
      retrieved: boolean;
      error: string | null;
    })[];
  failing: (RecordedHint & { what: string; ok: boolean; error_kind: string | null })[];
}

/** Our code for each kind of error of the reference; its getter of pieces fails where ours has none. */
const CODES: Record<string, string> = {
  PieceGetterError: 'piece-not-found',
  PieceNotFound: 'piece-not-found',
};

function codeOf(kind: string): string {
  return CODES[kind] ?? kind.replaceAll(/(?<!^)([A-Z])/g, '-$1').toLowerCase();
}

function mappingOf({ hash, piece_index, offset }: RecordedHint): GlobalObject {
  return { hash: fromHex(hash, 32), pieceIndex: BigInt(piece_index), offset };
}

function caseList(file: ObjectsFile, archiving: ArchivingFile): ConformanceCase[] {
  let history: RebuiltHistory | null = null;
  const fetch = (hint: RecordedHint): Promise<Uint8Array> => {
    const rebuilt = (history ??= RebuiltHistory.of(archiving));
    return fetchObject(
      mappingOf(hint),
      async (indices) => indices.map((index) => rebuilt.piece(index)),
      file.max_object_len,
    );
  };
  // A recording may list some of the objects, in any order; what archiving gives in all is archiving's own case.
  const given = new Set(archiving.outcomes.flatMap(({ global_objects }) => global_objects.map(String)));
  const inBlocks = new Set(
    archiving.blocks.flatMap(({ objects }) =>
      objects.map(({ hash, data_name, data_len }) => String([hash, data_name, data_len])),
    ),
  );
  return [
    ...casesOf(
      file.retrieval,
      ({ data_name }) => ({ name: `retrieval of ${data_name}`, rule: 'object-retrieval' }),
      async (record) => {
        const { hash, piece_index, offset, data_name, data_len } = record;
        if (!given.has(String([hash, piece_index, offset])))
          throw new Error('archiving gave no such mapping');
        if (!inBlocks.has(String([hash, data_name, data_len])))
          throw new Error('no block has such an object');
        const expected = namedBytes(file.label, data_name, data_len);
        expectSame('hash', blake3Hash(expected), hash);
        const refused = await refusal(() => fetch(record));
        expectSame('retrieved', refused === null, record.retrieved);
        expectRefusal(refused, record.error, { 'piece not available': /^piece-not-found: / });
        if (refused !== null) return;
        expectSame('the data is the recorded one', equal(await fetch(record), expected), true);
      },
    ),
    ...casesOf(
      file.failing,
      ({ what }) => ({ name: `no retrieval: ${what}`, rule: 'object-retrieval' }),
      async (record) => {
        const refused = await refusal(() => fetch(record));
        expectSame('ok', refused === null, record.ok);
        if (record.error_kind === null) return;
        expectSame('code', refused instanceof ProtocolError && refused.code, codeOf(record.error_kind));
      },
    ),
  ];
}

export const objects: ConformanceSuite = {
  files: [/^objects\.json$/],
  async cases(ctx) {
    await loadWasm();
    return caseList(
      await ctx.json<ObjectsFile>('objects.json'),
      await ctx.json<ArchivingFile>('archiving.json'),
    );
  },
};
