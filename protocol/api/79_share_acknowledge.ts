/**
 * ShareAcknowledge: what became of records that a member of a share group acquired (KIP-932).
 *
 * v2   acknowledgements that prolong the lock (KIP-1222)
 */
import {
  api,
  array,
  bool,
  type Draft,
  type Infer,
  int16,
  int32,
  int64Saturating,
  int8,
  string,
  struct,
  uuid,
} from "../schema.ts";

export const shareAcknowledge = api(79, "ShareAcknowledge", { versions: [1, 2], flexible: 0 }, {
  request: {
    groupId: string.nullable().default(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    isRenewAck: bool.default(false).since(2),
    topics: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        acknowledgementBatches: array({
          firstOffset: int64Saturating,
          lastOffset: int64Saturating,
          acknowledgeTypes: array(int8),
        }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    acquisitionLockTimeoutMs: int32.since(2).ignorable(),
    responses: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        currentLeader: struct({ leaderId: int32, leaderEpoch: int32 }),
      }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }),
  },
});

export type ShareAcknowledgeRequest = Infer<typeof shareAcknowledge.request>;
export type ShareAcknowledgeRequestDraft = Draft<typeof shareAcknowledge.request>;
export type ShareAcknowledgeResponse = Infer<typeof shareAcknowledge.response>;
export type ShareAcknowledgeResponseDraft = Draft<typeof shareAcknowledge.response>;
