/**
 * ListGroups: the groups that this broker coordinates.
 *
 * v1   answer: throttle time
 * v2   a throttled answer is sent before the broker pauses (KIP-219)
 * v3   flexible
 * v4   by state; answer: state (KIP-518)
 * v5   by type, classic or consumer or share; answer: type (KIP-848)
 */
import { api, array, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const listGroups = api(16, "ListGroups", { versions: [0, 5], flexible: 3 }, {
  request: {
    statesFilter: array(string).since(4),
    typesFilter: array(string).since(5),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: string.since(4).ignorable(),
      groupType: string.since(5).ignorable(),
    }),
  },
});

export type ListGroupsRequest = Infer<typeof listGroups.request>;
export type ListGroupsRequestDraft = Draft<typeof listGroups.request>;
export type ListGroupsResponse = Infer<typeof listGroups.response>;
export type ListGroupsResponseDraft = Draft<typeof listGroups.response>;
