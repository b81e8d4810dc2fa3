/**
 * Reads the golden vectors: bytes that other people's encoders made, and what they made them of.
 *
 *   vectors/java/     by Kafka's generated classes, with the whole value (java/: the program)
 *   vectors/franz/    by franz-go's kmsg, with the value's leaves (franz/: the program)
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { apiByKey } from "../../protocol/apis.ts";
import { type Codec, codecFor } from "../../protocol/codec.ts";
import type { AnyApi, AnyField, AnyMessage, AnyShape } from "../../protocol/schema.ts";
import { Reader, Writer } from "../../protocol/wire.ts";

export interface Vector {
  readonly direction: "request" | "response";
  readonly version: number;
  readonly case: string;
  readonly hex: string;
}
export interface JavaVector extends Vector {
  readonly value: Json;
}
export interface FranzVector extends Vector {
  readonly leaves: readonly Json[];
}
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const folder = fileURLToPath(new URL("./vectors", import.meta.url));

/** The vectors of one origin, with the api that each file's number names. */
export function vectorsOf<V extends Vector>(origin: "java" | "franz"): { api: AnyApi; vectors: V[] }[] {
  return readdirSync(`${folder}/${origin}`).sort().map((file) => {
    const api = apiByKey(parseInt(file));
    if (api === undefined) throw new Error(`Cannot use vectors "${file}": no such api`);
    const lines = readFileSync(`${folder}/${origin}/${file}`, "utf8").trimEnd().split("\n");
    return { api, vectors: lines.map((line) => JSON.parse(line) as V) };
  });
}

/** One direction of a codec. */
export interface Half {
  readonly message: AnyMessage;
  decode(reader: Reader): unknown;
  encode(value: unknown): Uint8Array;
}

export function halfOf(api: AnyApi, version: number, direction: Vector["direction"]): Half {
  const codec: Codec<unknown, unknown, unknown, unknown> = codecFor(api, version);
  const isRequest = direction === "request";
  return {
    message: isRequest ? api.request : api.response,
    decode: (reader) => isRequest ? codec.decodeRequest(reader) : codec.decodeResponse(reader),
    encode: (value) => {
      const writer = new Writer();
      if (isRequest) codec.encodeRequest(writer, value);
      else codec.encodeResponse(writer, value);
      return writer.finishWhole();
    },
  };
}

/** Kafka's JSON as a value of ours: bytes from base64, the far ends of saturating numbers as the last safe one. */
export function fromJson(field: AnyField, json: Json): unknown {
  if (json === null) return null;
  const { spec } = field;
  switch (spec.kind) {
    case "bytes":
    case "records":
      return bytesFromBase64(json as string);
    case "array":
      return (json as Json[]).map((element) => fromJson(spec.element!, element));
    case "struct":
      return structFromJson(spec.fields!, json);
    default:
      return spec.isSaturating ? Math.min(json as number, Number.MAX_SAFE_INTEGER) : json;
  }
}

export function structFromJson(shape: AnyShape, json: Json): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(json as { [name: string]: Json }).map(([name, value]) => {
      const field = shape[name];
      if (field === undefined) throw new Error(`Cannot read "${name}": the schema has no such field`);
      return [name, fromJson(field, value)];
    }),
  );
}

/** The part of a decoded value that a vector speaks of: absent fields left out, bytes as base64. */
export function partOf(value: unknown, like: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) {
    return value.map((element, index) => partOf(element, Array.isArray(like) ? like[index] : undefined));
  }
  if (value === null || typeof value !== "object" || like === null || typeof like !== "object") return value;
  return Object.fromEntries(
    Object.keys(like).map((name) => [
      name,
      partOf((value as Record<string, unknown>)[name], (like as Record<string, unknown>)[name]),
    ]),
  );
}

/** The fields that a version sends, in the order of the wire: numbers, strings, booleans, bytes as base64. */
export function leavesOf(shape: AnyShape, value: unknown, version: number): Json[] {
  const leaves: Json[] = [];
  for (const [name, field] of Object.entries(shape)) {
    const { sinceVersion = 0, untilVersion = Infinity } = field.spec;
    if (version < sinceVersion || version > untilVersion) continue;
    collect(field, (value as Record<string, unknown>)[name]);
  }
  return leaves;

  function collect(field: AnyField, inner: unknown): void {
    if (inner === null) return;
    if (field.spec.kind === "array") (inner as unknown[]).forEach((element) => collect(field.spec.element!, element));
    else if (field.spec.kind === "struct") leaves.push(...leavesOf(field.spec.fields!, inner, version));
    else leaves.push(inner instanceof Uint8Array ? base64(inner) : inner as Json);
  }
}

export function bytesFromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) => parseInt(hex.slice(2 * index, 2 * index + 2), 16));
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesFromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
