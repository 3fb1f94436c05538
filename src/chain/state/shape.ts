/** Values of a runtime's types, checked to have the shape that the code relies on. */
import * as v from 'valibot';
import { ProtocolError } from '../../protocol/errors.ts';

/** Unsigned integer of more than 32 bits. */
export const big = v.bigint();
/** Unsigned integer of up to 32 bits. */
export const small = v.number();
export const flag = v.boolean();
export const text = v.string();
export const optional = v.nullable;

/** A byte string, of `size` bytes if given. */
export function octets(size?: number): v.GenericSchema<unknown, Uint8Array> {
  return v.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && (size === undefined || value.length === size),
    `not ${size ?? ''} bytes`,
  );
}

/**
 * A value in the shape of `schema`. Throws ProtocolError (rule `runtime-metadata`) for another one: the runtime
 * was changed in a way that the code does not know.
 */
export function shaped<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  what: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw new ProtocolError({
    code: 'changed-in-runtime',
    rule: 'runtime-metadata',
    message: `${what} has another shape: ${result.issues[0].message}`,
    sentence: 'The network’s runtime was changed in a way that this version of the app does not know.',
    values: { what },
  });
}
