/**
 * Records of coordinators' logs, as Kafka's coordinators write them: a key begins with an int16 that says what the record
 * is about, a value with its version, which is 0.
 */
import { wireCodec } from "../codec.ts";
import type { AnyMessage, Draft, Infer, Message } from "../schema.ts";
import { Reader } from "../wire.ts";
import { decodeVersioned, withLead } from "./versioned.ts";

/** Of all that is written with this codec. */
export const keyVersions = { versions: [0, 0], flexible: null } as const;
export const valueVersions = { versions: [0, 0], flexible: 0 } as const;

/** A kind of record: its number, and the schemas of its two halves. */
export interface RecordKind {
  readonly type: number;
  readonly key: AnyMessage;
  readonly value: AnyMessage;
}

export type RecordKinds = Readonly<Record<string, RecordKind>>;

/** A key with its kind. */
export type LogKey<Kinds extends RecordKinds> = {
  [K in keyof Kinds]: { readonly kind: K } & Infer<Kinds[K]["key"]>;
}[keyof Kinds];

export class CoordinatorLogCodec<Kinds extends RecordKinds> {
  readonly #kinds: Kinds;
  readonly #byType = new Map<number, keyof Kinds & string>();

  constructor(kinds: Kinds) {
    this.#kinds = kinds;
    for (const kind of Object.keys(kinds)) this.#byType.set(kinds[kind]!.type, kind);
  }

  /** null: the record is about something else. @throws {MalformedFrame} */
  decodeKey(key: Uint8Array): LogKey<Kinds> | null {
    const reader = new Reader(key);
    const kind = this.#byType.get(reader.int16());
    if (kind === undefined) return null;
    return { kind, ...(wireCodec(this.#keyOf(kind), 0).read(reader) as object) } as LogKey<Kinds>;
  }

  /** Bytes in the value are views of `value`. @throws {MalformedFrame} */
  decodeValue<K extends keyof Kinds>(kind: K, value: Uint8Array): Infer<Kinds[K]["value"]> {
    return decodeVersioned(this.#valueOf(kind), value);
  }

  encodeKey<K extends keyof Kinds>(kind: K, key: Draft<Kinds[K]["key"]>): Uint8Array {
    return withLead(this.#kinds[kind]!.type, this.#keyOf(kind), 0, key);
  }

  encodeValue<K extends keyof Kinds>(kind: K, value: Draft<Kinds[K]["value"]>): Uint8Array {
    return withLead(0, this.#valueOf(kind), 0, value);
  }

  /** A whole record; one without a value deletes. */
  encode<K extends keyof Kinds>(
    kind: K,
    key: Draft<Kinds[K]["key"]>,
    value: Draft<Kinds[K]["value"]> | null,
  ): { readonly key: Uint8Array; readonly value: Uint8Array | null } {
    return { key: this.encodeKey(kind, key), value: value === null ? null : this.encodeValue(kind, value) };
  }

  #keyOf<K extends keyof Kinds>(kind: K) {
    return this.#kinds[kind]!.key as unknown as Message<Infer<Kinds[K]["key"]>, Draft<Kinds[K]["key"]>>;
  }

  #valueOf<K extends keyof Kinds>(kind: K) {
    return this.#kinds[kind]!.value as unknown as Message<Infer<Kinds[K]["value"]>, Draft<Kinds[K]["value"]>>;
  }
}
