/** A group's committed offsets, as whoever asks for them may read them. */
import type { OffsetStore } from "./offset_store.ts";
import type { TransactionalOffsets } from "./transactional_offsets.ts";

export interface ReadableOffsets extends Pick<OffsetStore, "get" | "of"> {
  /** An open transaction may still change it, and the reader wants to know. */
  isUnstable(topic: string, partition: number): boolean;
}

export function readableOffsets(
  { offsets, transactional }: { readonly offsets: OffsetStore; readonly transactional: TransactionalOffsets },
  groupId: string,
  { requireStable }: { readonly requireStable: boolean },
): ReadableOffsets {
  return {
    get: (group, topic, partition) => offsets.get(group, topic, partition),
    of: (group) => offsets.of(group),
    isUnstable: (topic, partition) => requireStable && transactional.isUnstable(groupId, topic, partition),
  };
}
