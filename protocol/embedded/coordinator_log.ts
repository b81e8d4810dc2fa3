/**
 * Records of coordinators' logs, as Kafka's coordinators write them: a key begins with an int16 that says what the record
 * is about, a value with its version, which is 0.
 */
import { wireCodec } from "../codec.ts";
import type { AnyMessage, Draft, Infer, Message } from "../schema.ts";
import { MalformedFrame, Reader, Writer } from "../wire.ts";

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

  /** null: the record is about something else. */
  decodeKey(key: Uint8Array): LogKey<Kinds> | null {
    const reader = new Reader(key);
    const kind = this.#byType.get(reader.int16());
    if (kind === undefined) return null;
    const schema = this.#kinds[kind]!.key as unknown as Message<unknown, unknown>;
    return { kind, ...(wireCodec(schema, 0).read(reader) as object) } as LogKey<Kinds>;
  }

  /** Bytes in the value are views of `value`. */
  decodeValue<K extends keyof Kinds>(kind: K, value: Uint8Array): Infer<Kinds[K]["value"]> {
    const schema = this.#kinds[kind]!.value as unknown as Message<Infer<Kinds[K]["value"]>, unknown>;
    const reader = new Reader(value);
    const version = reader.int16();
    if (version !== 0) throw new MalformedFrame(`Cannot decode ${schema.name}: version ${version} is unknown`);
    return wireCodec(schema, 0).read(reader);
  }

  encodeKey<K extends keyof Kinds>(kind: K, key: Infer<Kinds[K]["key"]>): Uint8Array {
    const { type, key: schema } = this.#kinds[kind]!;
    return withLead(type, schema as unknown as Message<unknown, Infer<Kinds[K]["key"]>>, key);
  }

  encodeValue<K extends keyof Kinds>(kind: K, value: Draft<Kinds[K]["value"]>): Uint8Array {
    const { value: schema } = this.#kinds[kind]!;
    return withLead(0, schema as unknown as Message<unknown, Draft<Kinds[K]["value"]>>, value);
  }
}

function withLead<D>(lead: number, schema: Message<unknown, D>, draft: D): Uint8Array {
  const writer = new Writer();
  writer.int16(lead);
  wireCodec(schema, 0).write(writer, draft);
  return writer.finishWhole();
}
