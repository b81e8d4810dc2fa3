/** Ids of topics: random UUIDs (version 4) in the form Kafka prints, 22 characters of base64url. */
import { Reader } from "../../protocol/wire.ts";
import type { Random } from "../../runtime/runtime.ts";

/** One that is not taken, and does not begin with "-", which a command line would take for an option. */
export function newTopicId(random: Random, isTaken: (id: string) => boolean): string {
  for (;;) {
    const bytes = random.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const id = new Reader(bytes).uuid();
    if (!id.startsWith("-") && !isTaken(id)) return id;
  }
}
