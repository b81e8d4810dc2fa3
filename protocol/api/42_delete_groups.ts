/**
 * DeleteGroups: groups without members go, with their offsets (KIP-229).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 * v3   answer: message for each group
 */
import { api, array, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const deleteGroups = api(42, "DeleteGroups", { versions: [0, 3], flexible: 2 }, {
  request: {
    groupsNames: array(string),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      groupId: string,
      errorCode: int16,
      errorMessage: string.nullable().default(null).since(3).ignorable(),
    }),
  },
});

export type DeleteGroupsRequest = Infer<typeof deleteGroups.request>;
export type DeleteGroupsRequestDraft = Draft<typeof deleteGroups.request>;
export type DeleteGroupsResponse = Infer<typeof deleteGroups.response>;
export type DeleteGroupsResponseDraft = Draft<typeof deleteGroups.response>;
