/** Compiles the encoder of a struct for one version. The rules it keeps are numbered in `codec.ts`. */
import {
  type Context,
  defaultOf,
  defaultTest,
  type Encode,
  isCompact,
  isNullable,
  isPresent,
  isTagged,
  type Value,
  within,
} from "./field_rules.ts";
import type { AnyShape, FieldSpec } from "./schema.ts";
import { EncodeError, Writer } from "./wire.ts";

export function structEncoder(shape: AnyShape, context: Context): Encode {
  const names: string[] = [];
  const steps: Encode[] = [];
  const defaults: (() => unknown)[] = [];
  const absent: { name: string; isDefault: (value: unknown) => boolean }[] = [];
  const tagged: TaggedField[] = [];
  for (const [name, { spec }] of Object.entries(shape)) {
    const inner = within(context, name);
    if (!isPresent(spec, context.version)) {
      if (!spec.isIgnorable) absent.push({ name, isDefault: defaultTest(spec) });
    } else if (isTagged(spec, context)) {
      tagged.push({ name, tag: spec.tag!, isDefault: defaultTest(spec), encode: encoderOf(spec, inner) });
    } else {
      names.push(name);
      steps.push(encoderOf(spec, inner));
      defaults.push(defaultOf(spec));
    }
  }
  tagged.sort((left, right) => left.tag - right.tag);
  const { isFlexible, path, version } = context;
  const count = names.length;

  // hot: per struct
  return (writer, struct) => {
    const value = struct as Value;
    for (let index = 0; index < absent.length; index++) {
      const { name, isDefault } = absent[index]!;
      if (isDefault(value[name])) continue;
      throw new EncodeError(`Cannot encode "${path}.${name}" in version ${version}, which lacks the field`);
    }
    for (let index = 0; index < count; index++) {
      const field = value[names[index]!];
      steps[index]!(writer, field === undefined ? defaults[index]!() : field);
    }
    if (isFlexible) encodeTagged(writer, tagged, value);
  };
}

interface TaggedField {
  readonly name: string;
  readonly tag: number;
  readonly isDefault: (value: unknown) => boolean;
  readonly encode: Encode;
}

function encodeTagged(writer: Writer, fields: readonly TaggedField[], value: Value): void {
  let count = 0;
  for (let index = 0; index < fields.length; index++) {
    if (!fields[index]!.isDefault(value[fields[index]!.name])) count++;
  }
  writer.uvarint(count);
  if (count === 0) return;
  for (const { name, tag, isDefault, encode } of fields) {
    if (isDefault(value[name])) continue;
    // The size goes before the bytes and is of unknown length itself: write them aside, then copy.
    const aside = scratchWriters.pop() ?? new Writer();
    encode(aside, value[name]);
    writer.uvarint(tag);
    writer.uvarint(aside.size);
    aside.moveInto(writer);
    scratchWriters.push(aside);
  }
}

/** Writers for tagged values, used again and again: as many as tags were ever nested. */
const scratchWriters: Writer[] = [];

function encoderOf(spec: FieldSpec, context: Context): Encode {
  const compact = isCompact(spec, context);
  const nullable = isNullable(spec, context.version);
  switch (spec.kind) {
    case "bool":
      return (writer, value) => writer.bool(value as boolean);
    case "int8":
      return (writer, value) => writer.int8(value as number);
    case "int16":
      return (writer, value) => writer.int16(value as number);
    case "int32":
      return (writer, value) => writer.int32(value as number);
    case "uint16":
      return (writer, value) => writer.uint16(value as number);
    case "uint32":
      return (writer, value) => writer.uint32(value as number);
    case "int64":
      return spec.isSaturating
        ? (writer, value) => writer.int64Saturating(value as number)
        : (writer, value) => writer.int64(value as number);
    case "long":
      return (writer, value) => writer.long(value as bigint);
    case "float64":
      return (writer, value) => writer.float64(value as number);
    case "uuid":
      return (writer, value) => writer.uuid(value as string);
    case "string":
      return (writer, value) => {
        if (value !== null) return writer.string(value as string, compact);
        checkNull(nullable, context);
        writer.nullString(compact);
      };
    case "bytes":
      return (writer, value) => {
        if (value === null) return encodeNull(writer, compact, nullable, context);
        writer.length((value as Uint8Array).byteLength, compact);
        writer.copy(value as Uint8Array);
      };
    case "records":
      return (writer, value) => {
        if (value === null) encodeNull(writer, compact, nullable, context);
        else encodeRecords(writer, value as Uint8Array | readonly Uint8Array[], compact);
      };
    case "array":
      return arrayEncoder(spec, context);
    case "struct": {
      const encode = structEncoder(spec.fields ?? {}, context);
      if (!nullable) {
        return (writer, value) => {
          if (value === null) checkNull(false, context);
          encode(writer, value);
        };
      }
      const nullMark = isTagged(spec, context) ? 0 : -1;
      return (writer, value) => {
        writer.int8(value === null ? nullMark : 1);
        if (value !== null) encode(writer, value);
      };
    }
  }
}

function arrayEncoder(spec: FieldSpec, context: Context): Encode {
  const encode = encoderOf(spec.element!.spec, context);
  const compact = isCompact(spec, context);
  const nullable = isNullable(spec, context.version);
  const isInt32 = spec.element!.spec.kind === "int32";

  // hot: per array
  return (writer, value) => {
    if (value === null) return encodeNull(writer, compact, nullable, context);
    const values = value as readonly unknown[];
    writer.length(values.length, compact);
    if (isInt32) encodeInt32s(writer, values as readonly number[]);
    else for (let index = 0; index < values.length; index++) encode(writer, values[index]);
  };
}

function encodeInt32s(writer: Writer, values: readonly number[]): void {
  for (let index = 0; index < values.length; index++) writer.int32(values[index]!);
}

function encodeRecords(writer: Writer, value: Uint8Array | readonly Uint8Array[], compact: boolean): void {
  if (value instanceof Uint8Array) {
    writer.length(value.byteLength, compact);
    writer.pass(value);
    return;
  }
  let size = 0;
  for (let index = 0; index < value.length; index++) size += value[index]!.byteLength;
  writer.length(size, compact);
  for (let index = 0; index < value.length; index++) writer.pass(value[index]!); // (6)
}

function encodeNull(writer: Writer, compact: boolean, nullable: boolean, context: Context): void {
  checkNull(nullable, context);
  writer.length(-1, compact);
}

function checkNull(nullable: boolean, { path, version }: Context): void {
  if (!nullable) throw new EncodeError(`Cannot encode "${path}" as null in version ${version}`);
}
