/**
 * DescribeAcls: the access rules that fit a filter (KIP-140).
 *
 * v1   kinds of resource patterns (KIP-290)
 * v2   flexible
 * v3   users as resources (KIP-373)
 */
import { api, array, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const describeAcls = api(29, "DescribeAcls", { versions: [0, 3], flexible: 2 }, {
  request: {
    resourceTypeFilter: int8,
    resourceNameFilter: string.nullable(),
    patternTypeFilter: int8.default(3).since(1),
    principalFilter: string.nullable(),
    hostFilter: string.nullable(),
    operation: int8,
    permissionType: int8,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    resources: array({
      resourceType: int8,
      resourceName: string,
      patternType: int8.default(3).since(1),
      acls: array({ principal: string, host: string, operation: int8, permissionType: int8 }),
    }),
  },
});

export type DescribeAclsRequest = Infer<typeof describeAcls.request>;
export type DescribeAclsRequestDraft = Draft<typeof describeAcls.request>;
export type DescribeAclsResponse = Infer<typeof describeAcls.response>;
export type DescribeAclsResponseDraft = Draft<typeof describeAcls.response>;
