/**
 * DescribeGroups: state and members of classic groups.
 *
 * v1   answer: throttle time
 * v2   a throttled answer is sent before the broker pauses (KIP-219)
 * v3   authorized operations, when asked for (KIP-430)
 * v4   answer: group instance ids (KIP-345)
 * v5   flexible
 * v6   a group that does not exist is GROUP_ID_NOT_FOUND, with a message; before, it is "Dead" (KIP-1043)
 *
 * Metadata and assignments of members are opaque, and filled in only when the group is stable.
 */
import { api, array, bool, bytes, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const describeGroups = api(15, "DescribeGroups", { versions: [0, 6], flexible: 5 }, {
  request: {
    groups: array(string),
    includeAuthorizedOperations: bool.since(3),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().default(null).since(6),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: string.nullable().default(null).since(4).ignorable(),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: int32.default(-2147483648).since(3),
    }),
  },
});

export type DescribeGroupsRequest = Infer<typeof describeGroups.request>;
export type DescribeGroupsRequestDraft = Draft<typeof describeGroups.request>;
export type DescribeGroupsResponse = Infer<typeof describeGroups.response>;
export type DescribeGroupsResponseDraft = Draft<typeof describeGroups.response>;
