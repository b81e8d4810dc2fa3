/** The names of topics that a member subscribes to. */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";

/** In characters. Kafka's limit is that of a batch, 1 MiB unless configured otherwise. */
const lengthMax = 1_000_000;

/**
 * Each once, ascending; the list the member has, if it is the same: so that its identity tells a change.
 * @param said null: as before
 * @throws {ProtocolError} UNKNOWN_SERVER_ERROR when it is too long for a record of the log
 */
export function subscription(said: readonly string[] | null, before: readonly string[]): readonly string[] {
  if (said === null) return before;
  if (said.reduce((length, topic) => length + topic.length, 0) > lengthMax) {
    throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, "The names subscribed to are too long together.");
  }
  const names = [...new Set(said)].sort();
  const isSame = names.length === before.length && names.every((name, index) => name === before[index]);
  return isSame ? before : names;
}
