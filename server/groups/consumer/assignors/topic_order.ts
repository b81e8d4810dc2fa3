/** Kafka's order of topic ids: as two signed 64-bit numbers. */
import { Writer } from "../../../../protocol/wire.ts";

/** The ids, each once, ascending. */
export function sortedTopicIds(topicIds: Iterable<string>): string[] {
  const keys = new Map<string, string>();
  for (const id of topicIds) keys.set(id, orderKey(id));
  return [...keys.keys()].sort((one, other) => keys.get(one)! < keys.get(other)! ? -1 : 1);
}

/** A text that compares as the id does. */
export function orderKey(topicId: string): string {
  const writer = new Writer();
  writer.uuid(topicId);
  const bytes = writer.finishWhole().slice();
  // A negative number is the smaller one, but its first byte is the larger.
  for (const first of [0, 8]) bytes[first] = bytes[first]! ^ 0x80;
  return String.fromCharCode(...bytes);
}
