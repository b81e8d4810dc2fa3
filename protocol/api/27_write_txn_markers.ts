/**
 * WriteTxnMarkers: a coordinator ends transactions in the partitions they wrote to; an administrator ends one that hangs
 * (KIP-98, KIP-664).
 *
 * v1   flexible
 * v2   the version of the protocol by which the transaction ended, which says how its epoch is checked (KIP-1228)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int64, int8, string } from "../schema.ts";

export const writeTxnMarkers = api(27, "WriteTxnMarkers", { versions: [0, 2], flexible: 1 }, {
  request: {
    markers: array({
      producerId: int64,
      producerEpoch: int16,
      transactionResult: bool,
      topics: array({ name: string, partitionIndexes: array(int32) }),
      coordinatorEpoch: int32,
      transactionVersion: int8.default(0).since(2).ignorable(),
    }),
  },
  response: {
    markers: array({
      producerId: int64,
      topics: array({
        name: string,
        partitions: array({ partitionIndex: int32, errorCode: int16 }),
      }),
    }),
  },
});

export type WriteTxnMarkersRequest = Infer<typeof writeTxnMarkers.request>;
export type WriteTxnMarkersRequestDraft = Draft<typeof writeTxnMarkers.request>;
export type WriteTxnMarkersResponse = Infer<typeof writeTxnMarkers.response>;
export type WriteTxnMarkersResponseDraft = Draft<typeof writeTxnMarkers.response>;
