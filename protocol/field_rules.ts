/**
 * What a codec has to know of a field in one version: whether it is there, and in which form, and what stands for it
 * where it is not.
 */
import type { AnyShape, FieldSpec, Versions } from "./schema.ts";
import { ZERO_UUID } from "./schema.ts";
import type { Reader, Writer } from "./wire.ts";

export type Decode = (reader: Reader) => unknown;
export type Encode = (writer: Writer, value: unknown) => void;
/** A struct's value as a codec sees it. */
export type Value = Record<string, unknown>;

/** What all fields of one compilation share, and where in the message we are. */
export interface Context {
  readonly version: number;
  readonly isFlexible: boolean;
  readonly path: string;
}

export function within(context: Context, name: string): Context {
  return { ...context, path: `${context.path}.${name}` };
}

export function isFlexible(versions: Versions, version: number): boolean {
  return versions.flexible !== null && version >= versions.flexible;
}

export function isPresent(spec: FieldSpec, version: number): boolean {
  return version >= (spec.sinceVersion ?? 0) && version <= (spec.untilVersion ?? Infinity);
}

export function isTagged(spec: FieldSpec, context: Context): boolean {
  return spec.tag !== undefined && context.isFlexible && context.version >= (spec.taggedSince ?? 0);
}

export function isNullable(spec: FieldSpec, version: number): boolean {
  return spec.nullableFrom !== undefined && version >= spec.nullableFrom;
}

export function isCompact(spec: FieldSpec, context: Context): boolean {
  return context.isFlexible && spec.isNeverCompact !== true;
}

/** A function that gives the field's default: a fresh one where callers could change it. */
export function defaultOf(spec: FieldSpec): () => unknown {
  if (spec.defaultValue !== undefined) return constant(spec.defaultValue);
  switch (spec.kind) {
    case "bool":
      return constant(false);
    case "long":
      return constant(0n);
    case "string":
      return constant("");
    case "uuid":
      return constant(ZERO_UUID);
    case "records":
      return constant(spec.nullableFrom === undefined ? new Uint8Array(0) : null);
    case "bytes":
      return constant(new Uint8Array(0));
    case "array":
      return () => [];
    case "struct":
      return structDefault(spec.fields ?? {});
    default:
      return constant(0);
  }
}

function constant(value: unknown): () => unknown {
  return () => value;
}

function structDefault(shape: AnyShape): () => unknown {
  const names = Object.keys(shape);
  const defaults = Object.values(shape).map((field) => defaultOf(field.spec));
  return () => {
    const value: Value = {};
    for (let index = 0; index < names.length; index++) value[names[index]!] = defaults[index]!();
    return value;
  };
}

/** Whether a value is the field's default; one that a draft left out is. */
export function defaultTest(spec: FieldSpec): (value: unknown) => boolean {
  const fallback = defaultOf(spec)();
  if (fallback === null) return (value) => value === undefined || value === null;
  switch (spec.kind) {
    case "array":
      return (value) => value === undefined || (value !== null && (value as readonly unknown[]).length === 0);
    case "bytes":
    case "records":
      return (value) => value === undefined || (value instanceof Uint8Array && value.byteLength === 0);
    case "struct": {
      const names = Object.keys(spec.fields ?? {});
      const tests = Object.values(spec.fields ?? {}).map((field) => defaultTest(field.spec));
      return (value) =>
        value === undefined ||
        (value !== null && tests.every((isDefault, index) => isDefault((value as Value)[names[index]!])));
    }
    default:
      return (value) => value === undefined || value === fallback;
  }
}
