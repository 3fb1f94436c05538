/** Object mappings as the archiver gives them out: SCALE and the JSON of the node's RPC. */
import { toHex } from './bytes.ts';
import { DecodeError } from './errors.ts';
import { jsonArray, jsonHex, jsonObject, jsonU32, jsonU64 } from './json.ts';
import { decodeAll, ScaleWriter } from './scale.ts';
import type { BlockObject, GlobalObject } from './types.ts';

/** Most objects that one message or block may name. */
const MAX_OBJECTS = 1_000_000;
const BLOCK_OBJECT_BYTES = 36;

/** Objects of a block from their SCALE. Throws DecodeError. */
export function decodeBlockObjectMapping(bytes: Uint8Array): BlockObject[] {
  return decodeAll(bytes, 'block-object-mapping', (reader) => {
    const version = reader.u8();
    if (version !== 0) reader.fail(`unknown version ${version} of an object mapping`);
    return reader.vec(
      (item) => ({ hash: item.raw(32), offset: item.u32() }),
      BLOCK_OBJECT_BYTES,
      MAX_OBJECTS,
    );
  });
}

/** SCALE of the objects of a block. */
export function encodeBlockObjectMapping(objects: BlockObject[]): Uint8Array {
  const writer = new ScaleWriter(6 + objects.length * BLOCK_OBJECT_BYTES).u8(0);
  return writer.vec(objects, (item, object) => item.raw(object.hash, 32).u32(object.offset)).bytes();
}

/** Object mappings as the RPC shows them: hash, piece index, offset in the piece's raw record. */
export interface GlobalObjectMappingJson {
  v0: { objects: [string, number | bigint, number][] };
}

export function globalObjectMappingToJson(objects: GlobalObject[]): GlobalObjectMappingJson {
  return {
    v0: { objects: objects.map(({ hash, pieceIndex, offset }) => [toHex(hash), pieceIndex, offset]) },
  };
}

/** One object from its JSON triple. Throws DecodeError. */
export function globalObjectFromJson(json: unknown): GlobalObject {
  const what = 'object-mapping';
  const triple = jsonArray(what, json, 3);
  if (triple.length !== 3) throw new DecodeError(what, 'an object has hash, piece index and offset');
  return {
    hash: jsonHex(what, triple[0], 32),
    pieceIndex: jsonU64(what, triple[1]),
    offset: jsonU32(what, triple[2]),
  };
}

/** Objects from the RPC's JSON. Throws DecodeError. */
export function globalObjectMappingFromJson(json: unknown): GlobalObject[] {
  const what = 'object-mapping';
  const v0 = jsonObject(what, jsonObject(what, json)['v0']);
  return jsonArray(what, v0['objects'], MAX_OBJECTS).map(globalObjectFromJson);
}
