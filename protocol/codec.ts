/**
 * Turns schemas into functions: one decoder and one encoder for each api, version and direction, made of closures when
 * first asked for and kept.
 *
 * 1. A field that the version lacks decodes to its default. Encoding a value into a version that lacks it throws,
 *    unless the value is the default or the field is ignorable.
 * 2. A tagged field is written only when it differs from its default. Unknown tags are stepped over.
 * 3. A count or length is compared with the bytes left before anything is allocated by it.
 * 4. An int64 is a number, and refused beyond 2^53.
 * 5. Oddities of single messages are flags in their schema; this file knows no message by name.
 * 6. `records` are handed out as a view and passed on as chunks: their bytes are copied in neither direction.
 * 7. Strings are interned (`wire.ts`).
 * 8. Every value of one schema has all its fields, in the schema's order, in every version: one shape for the engine.
 *
 * Why closures and not generated code: bench and reasons in docs/decisions.
 */
import type { AnyMessage, AnyShape, Api, FieldSpec, Message, Versions } from "./schema.ts";
import { ZERO_UUID } from "./schema.ts";
import { EncodeError, MalformedFrame, Reader, Writer } from "./wire.ts";

export interface Codec<Q, QD, R, RD> {
  decodeRequest(reader: Reader): Q;
  encodeRequest(writer: Writer, draft: QD): void;
  decodeResponse(reader: Reader): R;
  encodeResponse(writer: Writer, draft: RD): void;
}

/** A codec for a message that stands alone inside other bytes, without the version that often precedes it. */
export interface MessageCodec<T, D> {
  decode(bytes: Uint8Array): T;
  encode(draft: D): Uint8Array;
}

type Decode = (reader: Reader) => unknown;
type Encode = (writer: Writer, value: unknown) => void;
/** A struct's value as this file sees it. */
type Value = Record<string, unknown>;

const codecs = new WeakMap<object, CompiledCodec[]>();
const messageCodecs = new WeakMap<object, CompiledMessage[]>();

/** @throws {RangeError} for a version that the api does not have */
export function codecFor<Q, QD, R, RD>(api: Api<Q, QD, R, RD>, version: number): Codec<Q, QD, R, RD> {
  let ofApi = codecs.get(api);
  if (ofApi === undefined) codecs.set(api, ofApi = []);
  const codec = ofApi[version] ??= new CompiledCodec(api, version);
  return codec as Codec<Q, QD, R, RD>;
}

/** @throws {RangeError} for a version that the message does not have */
export function messageCodec<T, D>(message: Message<T, D>, version: number): MessageCodec<T, D> {
  return compiledMessage(message, version) as unknown as MessageCodec<T, D>;
}

/** A message straight from and to the wire, for what is neither alone nor half of an api: headers. */
export function wireCodec<T, D>(message: Message<T, D>, version: number): WireCodec<T, D> {
  return compiledMessage(message, version) as unknown as WireCodec<T, D>;
}

export interface WireCodec<T, D> {
  read(reader: Reader): T;
  write(writer: Writer, draft: D): void;
}

function compiledMessage(message: AnyMessage, version: number): CompiledMessage {
  let ofMessage = messageCodecs.get(message);
  if (ofMessage === undefined) messageCodecs.set(message, ofMessage = []);
  return ofMessage[version] ??= new CompiledMessage(message, version);
}

class CompiledCodec implements Codec<unknown, unknown, unknown, unknown> {
  private readonly request: CompiledMessage;
  private readonly response: CompiledMessage;

  constructor(api: Api<unknown, unknown, unknown, unknown>, version: number) {
    this.request = compiledMessage(api.request, version);
    this.response = compiledMessage(api.response, version);
  }

  decodeRequest(reader: Reader): unknown {
    return this.request.read(reader);
  }

  encodeRequest(writer: Writer, draft: unknown): void {
    this.request.write(writer, draft);
  }

  decodeResponse(reader: Reader): unknown {
    return this.response.read(reader);
  }

  encodeResponse(writer: Writer, draft: unknown): void {
    this.response.write(writer, draft);
  }
}

/** One message in one version, each direction compiled when first used. */
class CompiledMessage implements MessageCodec<unknown, unknown>, WireCodec<unknown, unknown> {
  private decoder: Decode | null = null;
  private encoder: Encode | null = null;

  constructor(private readonly message: AnyMessage, private readonly version: number) {
    const [first, last] = message.versions;
    if (!Number.isInteger(version) || version < first || version > last) {
      throw new RangeError(`Cannot make a codec for ${message.name} v${version}: versions are ${first} to ${last}`);
    }
  }

  read(reader: Reader): unknown {
    this.decoder ??= structDecoder(this.message.fields, this.context());
    try {
      return this.decoder(reader);
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      throw new MalformedFrame(`${this.message.name} v${this.version}: ${error.message}`, { cause: error });
    }
  }

  write(writer: Writer, draft: unknown): void {
    this.encoder ??= structEncoder(this.message.fields, this.context());
    this.encoder(writer, draft);
  }

  decode(bytes: Uint8Array): unknown {
    return this.read(new Reader(bytes));
  }

  encode(draft: unknown): Uint8Array {
    const writer = new Writer();
    this.write(writer, draft);
    return writer.finishWhole();
  }

  private context(): Context {
    return { version: this.version, isFlexible: isFlexible(this.message, this.version), path: this.message.name };
  }
}

/** What all fields of one compilation share, and where in the message we are. */
interface Context {
  readonly version: number;
  readonly isFlexible: boolean;
  readonly path: string;
}

export function isFlexible(versions: Versions, version: number): boolean {
  return versions.flexible !== null && version >= versions.flexible;
}

function isPresent(spec: FieldSpec, version: number): boolean {
  return version >= (spec.sinceVersion ?? 0) && version <= (spec.untilVersion ?? Infinity);
}

function isTagged(spec: FieldSpec, context: Context): boolean {
  return spec.tag !== undefined && context.isFlexible && context.version >= (spec.taggedSince ?? 0);
}

function isNullable(spec: FieldSpec, version: number): boolean {
  return spec.nullableFrom !== undefined && version >= spec.nullableFrom;
}

function isCompact(spec: FieldSpec, context: Context): boolean {
  return context.isFlexible && spec.isNeverCompact !== true;
}

// ---------------------------------------------------------------------------------------------- defaults

/** A function that gives the field's default: a fresh one where callers could change it. */
function defaultOf(spec: FieldSpec): () => unknown {
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
function defaultTest(spec: FieldSpec): (value: unknown) => boolean {
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

// ---------------------------------------------------------------------------------------------- decoding

function structDecoder(shape: AnyShape, context: Context): Decode {
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

function within(context: Context, name: string): Context {
  return { ...context, path: `${context.path}.${name}` };
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
      return (reader) => reader.int8() < 0 ? null : decode(reader);
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

// ---------------------------------------------------------------------------------------------- encoding

function structEncoder(shape: AnyShape, context: Context): Encode {
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
      return (writer, value) => {
        writer.int8(value === null ? -1 : 1);
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
