/** Objects: where they stand in a block, and their mappings as SCALE and as the JSON of the node's RPC. */
import { toHex } from './bytes.ts';
import { DecodeError } from './errors.ts';
import { decodeExtrinsic } from './extrinsic.ts';
import { blake3Hash } from './hash.ts';
import { readHeader } from './header.ts';
import { jsonArray, jsonHex, jsonObject, jsonU32, jsonU64 } from './json.ts';
import { decodeAll, ScaleReader, ScaleWriter } from './scale.ts';
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

/** Where objects lie, as `subspace_subscribeObjectMappings` and mapping indexers tell it. */
export function globalObjectMappingToJson(objects: GlobalObject[]): GlobalObjectMappingJson {
  return {
    v0: { objects: objects.map(({ hash, pieceIndex, offset }) => [toHex(hash), pieceIndex, offset]) },
  };
}

/** One object from its JSON triple. Throws DecodeError. */
function globalObjectFromJson(json: unknown): GlobalObject {
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

/** Calls that hold objects or calls, by the runtime's numbers: pallet, then call. */
const SYSTEM = 0;
const REMARKS: ReadonlySet<number> = new Set([0, 7]);
const UTILITY = 8;
const BATCHES: ReadonlySet<number> = new Set([0, 2, 4]);
const AS_DERIVATIVE = 1;
const DISPATCH_AS: ReadonlySet<number> = new Set([3, 7]);
const WITH_WEIGHT = 5;

/** Calls of the utility pallet that are looked into, one inside the other. */
const MAX_NESTING = 10;
const MAX_CALLS = 1_000_000;

/**
 * Reads past a call of the runtime, pallet number included; false when it does not know the call's form. What the
 * runtime's metadata describes, a decoder made of it can skip.
 */
export type SkipCall = (reader: ScaleReader) => boolean;

/**
 * The objects of a block: arguments of `system.remark` and `remark_with_event`, also where `utility` nests them
 * (rule `object-mapping`).
 *
 * @param block SCALE of the signed block; more bytes may follow, as in the extended genesis block.
 * @param skipCall Finds the end of other calls, so that objects behind them in a batch are found; without it
 * those of the batch's beginning are.
 * @throws DecodeError if the block or an extrinsic does not decode.
 */
export function blockObjects(block: Uint8Array, skipCall: SkipCall = () => false): BlockObject[] {
  const reader = new ScaleReader(block, 'block');
  readHeader(reader);
  const objects: BlockObject[] = [];
  for (let left = reader.compact(); left > 0; left -= 1) {
    const start = reader.position;
    reader.window(reader.compact());
    const { call } = decodeExtrinsic(block.subarray(start, reader.position));
    findObjects(call, reader.position - call.length, skipCall, objects);
  }
  return objects;
}

/** Adds the objects in a call that stands at byte `at` of its block. */
function findObjects(call: Uint8Array, at: number, skipCall: SkipCall, objects: BlockObject[]): void {
  const reader = new ScaleReader(call, 'call');

  /** Reads one call; false when its end is not known. */
  const visit = (nesting: number): boolean => {
    const start = reader.position;
    const pallet = reader.u8();
    const kind = reader.u8();
    if (pallet === SYSTEM && REMARKS.has(kind)) {
      const offset = at + reader.position;
      objects.push({ hash: blake3Hash(reader.window(reader.compact())), offset });
      return true;
    }
    if (pallet === UTILITY && nesting < MAX_NESTING) return visitUtility(kind, nesting + 1, start);
    return skip(start);
  };

  const visitUtility = (kind: number, nesting: number, start: number): boolean => {
    if (BATCHES.has(kind)) {
      const count = reader.compact();
      if (count > MAX_CALLS) reader.fail(`a batch of ${count} calls`);
      for (let left = count; left > 0; left -= 1) if (!visit(nesting)) return false;
      return true;
    }
    if (kind === AS_DERIVATIVE) {
      reader.u16();
      return visit(nesting);
    }
    if (DISPATCH_AS.has(kind)) return skipOrigin(reader) ? visit(nesting) : skip(start);
    if (kind !== WITH_WEIGHT) return skip(start);
    if (!visit(nesting)) return false;
    reader.compactBig();
    reader.compactBig();
    return true;
  };

  const skip = (start: number): boolean => {
    const rest = new ScaleReader(call.subarray(start), 'call');
    if (!skipCall(rest)) return false;
    const end = start + rest.position;
    reader.window(end - reader.position);
    return true;
  };

  visit(0);
}

/** Reads past an origin; false for those of other pallets than `system`. */
function skipOrigin(reader: ScaleReader): boolean {
  if (reader.u8() !== SYSTEM) return false;
  const kind = reader.u8();
  if (kind === 1) reader.window(32);
  return kind <= 2;
}
