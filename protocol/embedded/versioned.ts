/**
 * Keys and values of records in topics of the broker's own: an int16 in front, then the fields. In a key the int16 says
 * what the record is about, in a value it is the version.
 */
import { wireCodec } from "../codec.ts";
import type { Message } from "../schema.ts";
import { MalformedFrame, Reader, Writer } from "../wire.ts";

export function withLead<T, D>(lead: number, schema: Message<T, D>, version: number, draft: D): Uint8Array {
  const writer = new Writer();
  writer.int16(lead);
  wireCodec(schema, version).write(writer, draft);
  return writer.finishWhole();
}

/** @throws {MalformedFrame} */
export function decodeVersioned<T, D>(schema: Message<T, D>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version < schema.versions[0] || version > schema.versions[1]) {
    throw new MalformedFrame(`Cannot decode ${schema.name}: version ${version} is unknown`);
  }
  return wireCodec(schema, version).read(reader);
}
