/** Compiles the decoder of a struct for one version. The rules it keeps are numbered in `codec.ts`. */
import {
  type Context,
  type Decode,
  defaultOf,
  isCompact,
  isNullable,
  isPresent,
  isTagged,
  type Value,
  within,
} from "./field_rules.ts";
import type { AnyShape, FieldSpec } from "./schema.ts";
import { MalformedFrame, type Reader } from "./wire.ts";

export function structDecoder(shape: AnyShape, context: Context): Decode {
  const names = Object.keys(shape);
  const steps: Decode[] = [];
  const tags: number[] = [];
  const tagNames: string[] = [];
  const tagDecoders: Decode[] = [];
  for (const name of names) {
    const { spec } = shape[name]!;
    const isHere = isPresent(spec, context.version);
    const inTags = isHere && isTagged(spec, context);
    // A tagged field starts as its default, in its place in the shape (8), and is overwritten when its tag comes.
    steps.push(isHere && !inTags ? decoderOf(spec, within(context, name)) : defaultOf(spec));
    if (!inTags) continue;
    tags.push(spec.tag!);
    tagNames.push(name);
    tagDecoders.push(decoderOf(spec, within(context, name)));
  }
  const count = names.length;
  const { isFlexible } = context;

  // hot: per struct
  return (reader) => {
    const value: Value = {};
    for (let index = 0; index < count; index++) value[names[index]!] = steps[index]!(reader);
    if (isFlexible) {
      for (let rest = reader.uvarint(); rest > 0; rest--) {
        const tag = reader.uvarint();
        const size = reader.uvarint();
        const start = reader.take(size);
        const known = tags.indexOf(tag);
        if (known < 0) continue; // (2)
        reader.position = start;
        value[tagNames[known]!] = tagDecoders[known]!(reader);
        if (reader.position !== start + size) {
          throw new MalformedFrame(`tag ${tag} at ${start} says ${size} bytes and has ${reader.position - start}`);
        }
      }
    }
    return value;
  };
}

function decoderOf(spec: FieldSpec, context: Context): Decode {
  const compact = isCompact(spec, context);
  const nullable = isNullable(spec, context.version);
  const { path } = context;
  switch (spec.kind) {
    case "bool":
      return (reader) => reader.bool();
    case "int8":
      return (reader) => reader.int8();
    case "int16":
      return (reader) => reader.int16();
    case "int32":
      return (reader) => reader.int32();
    case "uint16":
      return (reader) => reader.uint16();
    case "uint32":
      return (reader) => reader.uint32();
    case "int64":
      return spec.isSaturating ? (reader) => reader.int64Saturating() : (reader) => reader.int64();
    case "long":
      return (reader) => reader.long();
    case "float64":
      return (reader) => reader.float64();
    case "uuid":
      return (reader) => reader.uuid();
    case "string":
      return (reader) => {
        const length = reader.stringLength(compact);
        return length >= 0 ? reader.stringOf(length) : nullOr(nullable, path);
      };
    case "bytes":
    case "records":
      return (reader) => {
        const length = reader.length(compact);
        return length >= 0 ? reader.bytesOf(length) : nullOr(nullable, path);
      };
    case "array":
      return arrayDecoder(spec, context);
    case "struct": {
      const decode = structDecoder(spec.fields ?? {}, context);
      if (!nullable) return decode;
      const leastMark = isTagged(spec, context) ? 1 : 0;
      return (reader) => reader.int8() < leastMark ? null : decode(reader);
    }
  }
}

function arrayDecoder(spec: FieldSpec, context: Context): Decode {
  const element = spec.element!.spec;
  const decode = decoderOf(element, context);
  const elementBytesMin = Math.max(1, bytesMin(element, context));
  const compact = isCompact(spec, context);
  const nullable = isNullable(spec, context.version);
  const { path } = context;
  const isInt32 = element.kind === "int32";

  // hot: per array
  return (reader) => {
    const count = reader.length(compact);
    if (count < 0) return nullOr(nullable, path);
    if (count * elementBytesMin > reader.remaining) { // (3)
      throw new MalformedFrame(`"${path}" cannot have ${count} elements: ${reader.remaining} bytes are left`);
    }
    return isInt32 ? decodeInt32s(reader, count) : decodeAll(reader, count, decode);
  };
}

function decodeAll(reader: Reader, count: number, decode: Decode): unknown[] {
  const values: unknown[] = [];
  for (let index = 0; index < count; index++) values.push(decode(reader));
  return values;
}

/** Partition and replica numbers, the commonest arrays: no call through a closure for each. */
function decodeInt32s(reader: Reader, count: number): number[] {
  const values: number[] = [];
  for (let index = 0; index < count; index++) values.push(reader.int32());
  return values;
}

function nullOr(nullable: boolean, path: string): null {
  if (!nullable) throw new MalformedFrame(`"${path}" is null`);
  return null;
}

/** The fewest bytes that a value can take. */
function bytesMin(spec: FieldSpec, context: Context): number {
  switch (spec.kind) {
    case "bool":
    case "int8":
      return 1;
    case "int16":
    case "uint16":
      return 2;
    case "int32":
    case "uint32":
      return 4;
    case "int64":
    case "long":
    case "float64":
      return 8;
    case "uuid":
      return 16;
    case "string":
      return isCompact(spec, context) ? 1 : 2;
    case "bytes":
    case "records":
    case "array":
      return isCompact(spec, context) ? 1 : 4;
    case "struct": {
      if (isNullable(spec, context.version)) return 1;
      let sum = context.isFlexible ? 1 : 0;
      for (const { spec: field } of Object.values(spec.fields ?? {})) {
        if (isPresent(field, context.version) && !isTagged(field, context)) sum += bytesMin(field, context);
      }
      return sum;
    }
  }
}
