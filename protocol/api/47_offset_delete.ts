/**
 * OffsetDelete: committed offsets of a group go, for topics it is not subscribed to (KIP-496).
 */
import { api, array, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const offsetDelete = api(47, "OffsetDelete", { versions: [0, 0], flexible: null }, {
  request: {
    groupId: string,
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32 }),
    }),
  },
  response: {
    errorCode: int16,
    throttleTimeMs: int32.ignorable(),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});

export type OffsetDeleteRequest = Infer<typeof offsetDelete.request>;
export type OffsetDeleteRequestDraft = Draft<typeof offsetDelete.request>;
export type OffsetDeleteResponse = Infer<typeof offsetDelete.response>;
export type OffsetDeleteResponseDraft = Draft<typeof offsetDelete.response>;
