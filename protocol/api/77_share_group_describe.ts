/**
 * ShareGroupDescribe: share groups, their members and what each has (KIP-932).
 */
import { api, array, bool, type Draft, type Infer, int16, int32, string, struct, uuid } from "../schema.ts";

export const shareGroupDescribe = api(77, "ShareGroupDescribe", { versions: [1, 1], flexible: 0 }, {
  request: {
    groupIds: array(string),
    includeAuthorizedOperations: bool,
  },
  response: {
    throttleTimeMs: int32,
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().default(null),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array({
        memberId: string,
        rackId: string.nullable().default(null),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(string),
        assignment: struct({
          topicPartitions: array({ topicId: uuid, topicName: string, partitions: array(int32) }),
        }),
      }),
      authorizedOperations: int32.default(-2147483648),
    }),
  },
});

export type ShareGroupDescribeRequest = Infer<typeof shareGroupDescribe.request>;
export type ShareGroupDescribeRequestDraft = Draft<typeof shareGroupDescribe.request>;
export type ShareGroupDescribeResponse = Infer<typeof shareGroupDescribe.response>;
export type ShareGroupDescribeResponseDraft = Draft<typeof shareGroupDescribe.response>;
