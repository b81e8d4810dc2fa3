/**
 * ConsumerGroupDescribe: groups of the consumer protocol and their members, what each has and what it is to have (KIP-848).
 *
 * v1   which protocol a member speaks, classic or consumer (KIP-1099)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int8, string, struct, uuid } from "../schema.ts";

const assignment = struct({
  topicPartitions: array({ topicId: uuid, topicName: string, partitions: array(int32) }),
});

export const consumerGroupDescribe = api(69, "ConsumerGroupDescribe", { versions: [0, 1], flexible: 0 }, {
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
        instanceId: string.nullable().default(null),
        rackId: string.nullable().default(null),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(string),
        subscribedTopicRegex: string.nullable().default(null),
        assignment,
        targetAssignment: assignment,
        memberType: int8.default(-1).since(1).ignorable(),
      }),
      authorizedOperations: int32.default(-2147483648),
    }),
  },
});

export type ConsumerGroupDescribeRequest = Infer<typeof consumerGroupDescribe.request>;
export type ConsumerGroupDescribeRequestDraft = Draft<typeof consumerGroupDescribe.request>;
export type ConsumerGroupDescribeResponse = Infer<typeof consumerGroupDescribe.response>;
export type ConsumerGroupDescribeResponseDraft = Draft<typeof consumerGroupDescribe.response>;
