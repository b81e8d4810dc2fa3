/**
 * The notation in which every message of the protocol is written down, once, for all its versions.
 *
 *     export const heartbeat = api(12, "Heartbeat", { versions: [0, 4], flexible: 4 }, {
 *       request: {
 *         groupId: string,
 *         generationId: int32,
 *         memberId: string,
 *         groupInstanceId: string.nullable(3).default(null).since(3),
 *       },
 *       response: { throttleTimeMs: int32.since(1).ignorable(), errorCode: int16 },
 *     });
 *     export type HeartbeatRequest = Infer<typeof heartbeat.request>;
 *
 * A schema is data: `codec.ts` compiles it for one version, tests compare it with Kafka's own definitions, the docs
 * page is printed from it. Types come from it too: `Infer` is what decoding gives (every field present, whatever the
 * version), `Draft` is what encoding takes (a field may be left out when the schema knows what stands in for it).
 *
 * Versions are those of the whole message. A field inside a struct is absent where its struct is.
 */

export type FieldKind =
  | "bool"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint16"
  | "uint32"
  | "long"
  | "float64"
  | "string"
  | "bytes"
  | "records"
  | "uuid"
  | "array"
  | "struct";

export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

/** A field of a struct; each method returns a new one. T is decoded, D encoded, O says that a draft may omit it. */
export class Field<T, D = T, O extends boolean = false> {
  declare readonly infer: T;
  declare readonly draft: D;
  declare readonly optional: O;

  constructor(readonly spec: FieldSpec) {}

  /** Present from this version on. */
  since(version: number): Field<T, D, true> {
    return new Field({ ...this.spec, sinceVersion: version });
  }

  /** Present in these versions, both included. */
  between(first: number, last: number): Field<T, D, true> {
    return new Field({ ...this.spec, sinceVersion: first, untilVersion: last });
  }

  /** Present up to this version, included. */
  until(version: number): Field<T, D, true> {
    return new Field({ ...this.spec, untilVersion: version });
  }

  /** May be null from this version on. Its default is still the type's own, unless `.default(null)` says otherwise. */
  nullable(fromVersion = 0): Field<T | null, D | null, O> {
    if (!nullableKinds.has(this.spec.kind)) throw new TypeError(`Cannot make a field of kind "${this.spec.kind}" null`);
    return new Field({ ...this.spec, nullableFrom: fromVersion });
  }

  /** What the field is in a version that lacks it, and what a draft need not say. */
  default(value: T): Field<T, D, true> {
    return new Field({ ...this.spec, defaultValue: value });
  }

  /** In versions from `sinceVersion` on, sent among the tagged fields and only when not its default. */
  tagged(tag: number, sinceVersion: number): Field<T, D, true> {
    return new Field({ ...this.spec, tag, taggedSince: sinceVersion, sinceVersion });
  }

  /** May be dropped without a word by a version that lacks it. Without this, a value there is an error. */
  ignorable(): Field<T, D, true> {
    return new Field({ ...this.spec, isIgnorable: true });
  }

  /** Keeps its classic length prefix in flexible versions: the client id of the request header (KIP-482). */
  neverCompact(): Field<T, D, O> {
    return new Field({ ...this.spec, isNeverCompact: true });
  }
}

export interface FieldSpec {
  readonly kind: FieldKind;
  /** Of an array. */
  readonly element?: AnyField;
  /** Of a struct. */
  readonly fields?: AnyShape;
  readonly sinceVersion?: number;
  readonly untilVersion?: number;
  readonly nullableFrom?: number;
  readonly defaultValue?: unknown;
  readonly tag?: number;
  readonly taggedSince?: number;
  readonly isIgnorable?: boolean;
  readonly isNeverCompact?: boolean;
  readonly isSaturating?: boolean;
}

export interface AnyField {
  readonly spec: FieldSpec;
  readonly infer: unknown;
  readonly draft: unknown;
  readonly optional: boolean;
}
export type AnyShape = { readonly [name: string]: AnyField };

/** The value that decoding a field, a struct, an api's request or a message gives. */
export type Infer<F extends { readonly infer: unknown }> = F["infer"];
/** The value that encoding it takes. */
export type Draft<F extends { readonly draft: unknown }> = F["draft"];

export type InferShape<S extends AnyShape> = { -readonly [K in keyof S]: S[K]["infer"] };
export type DraftShape<S extends AnyShape> = Flatten<
  & { readonly [K in keyof S as S[K]["optional"] extends true ? never : K]: S[K]["draft"] }
  & { readonly [K in keyof S as S[K]["optional"] extends true ? K : never]?: S[K]["draft"] }
>;
type Flatten<T> = { [K in keyof T]: T[K] };

const nullableKinds: ReadonlySet<FieldKind> = new Set(["string", "bytes", "records", "array", "struct"]);

export const bool: Field<boolean> = new Field({ kind: "bool" });
export const int8: Field<number> = new Field({ kind: "int8" });
export const int16: Field<number> = new Field({ kind: "int16" });
export const int32: Field<number> = new Field({ kind: "int32" });
export const uint16: Field<number> = new Field({ kind: "uint16" });
export const uint32: Field<number> = new Field({ kind: "uint32" });
/** A 64-bit integer as a number. One past ±2^53 on the wire is refused: `MalformedFrame`. */
export const int64: Field<number> = new Field({ kind: "int64" });
/**
 * An int64 chosen freely by a client, who may say Long.MAX_VALUE. All from 2^53 − 1 up reads as
 * Number.MAX_SAFE_INTEGER, which is written as Long.MAX_VALUE; likewise at the lower end.
 */
export const int64Saturating: Field<number> = new Field({ kind: "int64", isSaturating: true });
/** A 64-bit integer with all its bits, as a bigint: ten times slower than `int64`. */
export const long: Field<bigint> = new Field({ kind: "long" });
export const float64: Field<number> = new Field({ kind: "float64" });
/** At most 32,767 bytes of UTF-8. */
export const string: Field<string> = new Field({ kind: "string" });
/** Decodes to a view of the frame: copy what outlives it. */
export const bytes: Field<Uint8Array> = new Field({ kind: "bytes" });
/** Record batches, opaque: decodes to a view, encodes from one piece or many, passed on uncopied. */
export const records: Field<Uint8Array, Uint8Array | readonly Uint8Array[]> = new Field({ kind: "records" });
/** 16 bytes as Kafka prints them: 22 characters of base64url. */
export const uuid: Field<string> = new Field({ kind: "uuid" });

export function struct<const S extends AnyShape>(fields: S): Field<InferShape<S>, DraftShape<S>> {
  return new Field({ kind: "struct", fields });
}

/** An array of fields of one kind; a bare shape means an array of structs. */
export function array<T, D>(element: Field<T, D, boolean>): Field<T[], readonly D[]>;
export function array<const S extends AnyShape>(element: S): Field<InferShape<S>[], readonly DraftShape<S>[]>;
export function array(element: AnyField | AnyShape): AnyField {
  const field = element instanceof Field ? element : struct(element as AnyShape);
  return new Field({ kind: "array", element: field });
}

export interface Versions {
  /** Lowest and highest, both included. */
  readonly versions: readonly [number, number];
  /** From this version on: compact lengths and tagged fields (KIP-482). Null: in none. */
  readonly flexible: number | null;
}

/** A struct with versions of its own: half of an api, or bytes inside other bytes (`embedded/`). */
export interface Message<T, D> extends Versions {
  readonly name: string;
  readonly infer: T;
  readonly draft: D;
  readonly fields: AnyShape;
}

/** A request and its response under one key. */
export interface Api<Q, QD, R, RD> extends Versions {
  readonly key: number;
  readonly name: string;
  readonly request: Message<Q, QD>;
  readonly response: Message<R, RD>;
  /** The response's header never has tagged fields: ApiVersions, which clients send before they know the version. */
  readonly hasPlainResponseHeader: boolean;
}

/** Any api, its types forgotten. */
export type AnyApi = Api<unknown, unknown, unknown, unknown>;
export type AnyMessage = Message<unknown, unknown>;

export function message<const S extends AnyShape>(
  name: string,
  versions: Versions,
  fields: S,
): Message<InferShape<S>, DraftShape<S>> {
  // `infer` and `draft` exist for the type checker alone.
  return { name, ...versions, fields } as unknown as Message<InferShape<S>, DraftShape<S>>;
}

export function api<const Q extends AnyShape, const R extends AnyShape>(
  key: number,
  name: string,
  options: Versions & { readonly hasPlainResponseHeader?: boolean },
  shapes: { readonly request: Q; readonly response: R },
): Api<InferShape<Q>, DraftShape<Q>, InferShape<R>, DraftShape<R>> {
  const { versions, flexible, hasPlainResponseHeader = false } = options;
  return {
    key,
    name,
    versions,
    flexible,
    hasPlainResponseHeader,
    request: message(`${name}Request`, { versions, flexible }, shapes.request),
    response: message(`${name}Response`, { versions, flexible }, shapes.response),
  };
}
