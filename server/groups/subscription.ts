/**
 * Which topics the members of a consumer group subscribe to: the one place where the coordinator looks into what members
 * tell each other. It needs this to know which offsets are in use.
 */
import { MalformedFrame, Reader } from "../../protocol/wire.ts";
import type { GroupState } from "./classic/state.ts";
import { metadataOf } from "./classic/state.ts";

/** null: not a consumer group, or its members do not say it in a form we know. */
export function subscribedTopics(
  state: Pick<GroupState, "protocolType" | "protocolName" | "members">,
): ReadonlySet<string> | null {
  if (state.protocolType !== "consumer") return null;
  const topics = new Set<string>();
  if (state.members.size === 0) return topics;
  if (state.protocolName === null) return null;
  try {
    for (const member of state.members.values()) {
      for (const topic of topicsOf(metadataOf(member, state.protocolName))) topics.add(topic);
    }
    return topics;
  } catch (error) {
    if (error instanceof MalformedFrame) return null;
    throw error;
  }
}

/** Every version of the subscription starts like the first: version, the topics' names, bytes of the assignor's own. */
function topicsOf(subscription: Uint8Array): string[] {
  const reader = new Reader(subscription);
  reader.int16();
  const count = reader.length(false);
  const topics: string[] = [];
  for (let index = 0; index < count; index++) topics.push(reader.stringOf(reader.stringLength(false)));
  const userDataLength = reader.length(false);
  if (userDataLength > 0) reader.take(userDataLength);
  return topics;
}
