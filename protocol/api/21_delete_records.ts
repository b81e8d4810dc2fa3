/**
 * DeleteRecords: everything before an offset goes (KIP-107). Offset -1 means up to the high watermark.
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 */
import { api, array, type Draft, type Infer, int16, int32, int64, int64Saturating, string } from "../schema.ts";

export const deleteRecords = api(21, "DeleteRecords", { versions: [0, 2], flexible: 2 }, {
  request: {
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, offset: int64Saturating }),
    }),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 }),
    }),
  },
});

export type DeleteRecordsRequest = Infer<typeof deleteRecords.request>;
export type DeleteRecordsRequestDraft = Draft<typeof deleteRecords.request>;
export type DeleteRecordsResponse = Infer<typeof deleteRecords.response>;
export type DeleteRecordsResponseDraft = Draft<typeof deleteRecords.response>;
