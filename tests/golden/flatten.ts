/**
 * A message in one version as a list of lines, made from Kafka's definition and from our schema in the same form, so
 * that the two can be compared.
 *
 * A line says all that touches the bytes or a draft: path, type, whether null is allowed, default, tag, compactness,
 * and whether the field may be dropped by a version that lacks it.
 */
import type { AnyMessage, AnyShape, FieldSpec } from "../../protocol/schema.ts";
import type { KafkaField, KafkaMessage } from "./kafka_jar.ts";

type Range = readonly [first: number, last: number];

export function rangeOf(versions: string | undefined): Range {
  if (versions === undefined || versions === "none") return [1, 0];
  const [first = "", last] = versions.split("-");
  if (first.endsWith("+")) return [Number(first.slice(0, -1)), Infinity];
  return [Number(first), Number(last ?? first)];
}

/** The versions that Kafka calls stable. */
export function stableVersions(message: KafkaMessage): Range {
  const [first, last] = rangeOf(message.validVersions);
  return [first, message.latestVersionUnstable === true ? last - 1 : last];
}

export function flattenKafka(message: KafkaMessage, version: number): string[] {
  const isFlexible = holds(rangeOf(message.flexibleVersions), version);
  const lines = [`flexible: ${isFlexible}`];
  walk(message.fields ?? [], "");
  return lines;

  function walk(fields: readonly KafkaField[], path: string): void {
    for (const field of fields) {
      // One tagged field of Kafka's says no versions of its own.
      if (!holds(rangeOf(field.versions ?? field.taggedVersions), version)) continue;
      const name = path + field.name[0]!.toLowerCase() + field.name.slice(1);
      const isArray = field.type.startsWith("[]");
      const elementType = field.type.replace("[]", "");
      const inner = field.fields ?? message.commonStructs?.find((struct) => struct.name === elementType)?.fields;
      lines.push(line({
        name,
        type: (isArray ? "[]" : "") + (inner === undefined ? elementType : "struct"),
        isNullable: holds(rangeOf(field.nullableVersions), version),
        defaultText: kafkaDefault(field, version, inner !== undefined && !isArray),
        tag: holds(rangeOf(field.taggedVersions), version) ? field.tag ?? null : null,
        isIgnorable: String(field.ignorable ?? false) === "true",
        isCompact: isFlexible && field.flexibleVersions !== "none",
      }));
      if (inner !== undefined) walk(inner, isArray ? `${name}[].` : `${name}.`);
    }
  }
}

export function flattenOurs(message: AnyMessage, version: number): string[] {
  const isFlexible = message.flexible !== null && version >= message.flexible;
  const lines = [`flexible: ${isFlexible}`];
  walk(message.fields, "");
  return lines;

  function walk(shape: AnyShape, path: string): void {
    for (const [field, { spec }] of Object.entries(shape)) {
      if (!holds([spec.sinceVersion ?? 0, spec.untilVersion ?? Infinity], version)) continue;
      const name = path + field;
      const element = spec.kind === "array" ? spec.element!.spec : spec;
      const isArray = spec.kind === "array";
      lines.push(line({
        name,
        type: (isArray ? "[]" : "") + typeName(element),
        isNullable: version >= (spec.nullableFrom ?? Infinity),
        defaultText: ourDefault(spec),
        tag: version >= (spec.taggedSince ?? Infinity) ? spec.tag ?? null : null,
        isIgnorable: spec.isIgnorable ?? false,
        isCompact: isFlexible && spec.isNeverCompact !== true,
      }));
      if (element.kind === "struct") walk(element.fields!, isArray ? `${name}[].` : `${name}.`);
    }
  }
}

interface Line {
  readonly name: string;
  readonly type: string;
  readonly isNullable: boolean;
  readonly defaultText: string;
  readonly tag: number | null;
  readonly isIgnorable: boolean;
  readonly isCompact: boolean;
}

function line({ name, type, isNullable, defaultText, tag, isIgnorable, isCompact }: Line): string {
  return `${name}: ${type}${isNullable ? " or null" : ""} = ${defaultText}` + (tag === null ? "" : ` tag ${tag}`) +
    (isIgnorable ? " ignorable" : "") + (isCompact ? " compact" : "");
}

function holds([first, last]: Range, version: number): boolean {
  return version >= first && version <= last;
}

function typeName(spec: FieldSpec): string {
  return spec.kind === "long" ? "int64" : spec.kind;
}

function kafkaDefault(field: KafkaField, version: number, isStruct: boolean): string {
  const { type } = field;
  // A null that is no text is none to the generator of Kafka's classes.
  const text = String(field.default ?? "");
  if (text === "null") return "null";
  if (type.startsWith("[]")) return "[]";
  if (isStruct) return "{}";
  // The classes that Kafka generates start with null whatever is declared; where null cannot be sent, that means nothing.
  if (type === "records") return holds(rangeOf(field.nullableVersions), version) ? "null" : "empty";
  if (type === "bool") return text === "" ? "false" : text;
  if (type === "string") return JSON.stringify(text);
  if (type === "bytes" || type === "uuid") return text === "" ? "zero" : text;
  return text === "" ? "0" : String(bigintOf(text));
}

function ourDefault(spec: FieldSpec): string {
  const value = spec.defaultValue;
  if (value === null) return "null";
  switch (spec.kind) {
    case "array":
      return "[]";
    case "struct":
      return "{}";
    case "records":
      return spec.nullableFrom === undefined ? "empty" : "null";
    case "bool":
      return String(value ?? false);
    case "string":
      return JSON.stringify(value ?? "");
    case "bytes":
    case "uuid":
      return value === undefined ? "zero" : String(value);
    default:
      // A saturating field's last number stands for the last int64.
      if (spec.isSaturating && value === Number.MAX_SAFE_INTEGER) return String(2n ** 63n - 1n);
      return String(value ?? 0);
  }
}

function bigintOf(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}
