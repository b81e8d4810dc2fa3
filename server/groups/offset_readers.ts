/** Whoever asks for offsets and says who it is (OffsetFetch v9+). */
import { ErrorCode } from "../../protocol/errors.ts";
import { fetchError } from "./consumer/checks.ts";
import type { GroupShard } from "./shard.ts";
import { fetchError as streamsFetchError } from "./streams/checks.ts";

export interface OffsetReader {
  readonly memberId: string | null;
  readonly memberEpoch: number;
}

/** May the reader read the group's offsets? NONE, or why not. `requireStable`: by the newest state, not that of the log. */
export function readError(
  { consumer, streams }: Pick<GroupShard, "consumer" | "streams">,
  groupId: string,
  { requireStable, reader }: { readonly requireStable: boolean; readonly reader: OffsetReader },
): number {
  const consumers = requireStable ? consumer.state(groupId) : consumer.described(groupId);
  if (consumers !== undefined) return fetchError(consumers, reader);
  const streamsGroup = requireStable ? streams.state(groupId) : streams.described(groupId);
  return streamsGroup === undefined ? ErrorCode.NONE : streamsFetchError(streamsGroup, reader);
}
