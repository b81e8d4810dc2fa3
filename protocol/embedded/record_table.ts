/**
 * Records whose key begins with an int16 that says what they are about, and whose value begins with its version, from a
 * table of their schemas.
 */
import { wireCodec } from "../codec.ts";
import type { Draft, Infer, Message } from "../schema.ts";
import { MalformedFrame, Reader, Writer } from "../wire.ts";

interface TypedRecord {
  readonly type: number;
  // What is inside is known where the table is used.
  readonly key: { readonly infer: unknown; readonly draft: unknown; readonly name: string };
  readonly value: { readonly infer: unknown; readonly draft: unknown; readonly name: string };
}

export type RecordTableKey<Records extends Readonly<Record<string, TypedRecord>>> = {
  [K in keyof Records]: { readonly kind: K } & Infer<Records[K]["key"]>;
}[keyof Records];

export interface RecordTable<Records extends Readonly<Record<string, TypedRecord>>> {
  /** null: the record is about something else. @throws {MalformedFrame} */
  decodeKey(key: Uint8Array): RecordTableKey<Records> | null;
  /** Bytes in the value are views of `value`. @throws {MalformedFrame} */
  decodeValue<K extends keyof Records>(kind: K, value: Uint8Array): Infer<Records[K]["value"]>;
  encodeKey<K extends keyof Records>(kind: K, key: Draft<Records[K]["key"]>): Uint8Array;
  encodeValue<K extends keyof Records>(kind: K, value: Draft<Records[K]["value"]>): Uint8Array;
}

/** All records are of version 0. */
export function recordTable<const Records extends Readonly<Record<string, TypedRecord>>>(
  records: Records,
): RecordTable<Records> {
  const kindByType = new Map<number, keyof Records>();
  for (const kind of Object.keys(records)) kindByType.set(records[kind]!.type, kind);
  const keyOf = (kind: keyof Records) => records[kind]!.key as unknown as Message<unknown, unknown>;
  const valueOf = (kind: keyof Records) => records[kind]!.value as unknown as Message<unknown, unknown>;
  return {
    decodeKey(key) {
      const reader = new Reader(key);
      const kind = kindByType.get(reader.int16());
      if (kind === undefined) return null;
      return { kind, ...(wireCodec(keyOf(kind), 0).read(reader) as object) } as RecordTableKey<Records>;
    },
    decodeValue(kind, value) {
      const schema = valueOf(kind);
      const reader = new Reader(value);
      const version = reader.int16();
      if (version !== 0) throw new MalformedFrame(`Cannot decode ${schema.name}: version ${version} is unknown`);
      return wireCodec(schema, 0).read(reader) as Infer<Records[typeof kind]["value"]>;
    },
    encodeKey: (kind, key) => withLead(records[kind]!.type, keyOf(kind), key),
    encodeValue: (kind, value) => withLead(0, valueOf(kind), value),
  };
}

function withLead<D>(lead: number, schema: Message<unknown, D>, draft: D): Uint8Array {
  const writer = new Writer();
  writer.int16(lead);
  wireCodec(schema, 0).write(writer, draft);
  return writer.finishWhole();
}
