/**
 * DeleteAcls: an end to the access rules that fit filters (KIP-140).
 *
 * v1   kinds of resource patterns (KIP-290); a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 * v3   users as resources (KIP-373)
 */
import { api, array, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const deleteAcls = api(31, "DeleteAcls", { versions: [0, 3], flexible: 2 }, {
  request: {
    filters: array({
      resourceTypeFilter: int8,
      resourceNameFilter: string.nullable(),
      patternTypeFilter: int8.default(3).since(1),
      principalFilter: string.nullable(),
      hostFilter: string.nullable(),
      operation: int8,
      permissionType: int8,
    }),
  },
  response: {
    throttleTimeMs: int32,
    filterResults: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      matchingAcls: array({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
        patternType: int8.default(3).since(1),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    }),
  },
});

export type DeleteAclsRequest = Infer<typeof deleteAcls.request>;
export type DeleteAclsRequestDraft = Draft<typeof deleteAcls.request>;
export type DeleteAclsResponse = Infer<typeof deleteAcls.response>;
export type DeleteAclsResponseDraft = Draft<typeof deleteAcls.response>;
