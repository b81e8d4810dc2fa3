/** What a JoinGroup of a new member becomes. */
import type { Random } from "../../../runtime/runtime.ts";
import type { JoinEvent } from "./state.ts";

/** Characters of a client id that go into member ids, which must stay short enough for the wire. */
const memberIdPrefixMax = 8_000;

/** The client's name for itself and a random UUID, as Kafka makes them. */
export function newClassicId(random: Random, prefix: string): string {
  const bytes = random.bytes(16);
  bytes[6] = bytes[6]! & 0x0f | 0x40;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return `${prefix.slice(0, memberIdPrefixMax)}-${uuid}`;
}

/** The request's bytes live in its frame: members keep copies. Of a protocol named twice the first counts. */
export function distinct(protocols: JoinEvent["protocols"]): JoinEvent["protocols"] {
  const byName = new Map<string, Uint8Array>();
  for (const { name, metadata } of protocols) if (!byName.has(name)) byName.set(name, metadata.slice());
  return Array.from(byName, ([name, metadata]) => ({ name, metadata }));
}
