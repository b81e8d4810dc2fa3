/**
 * CreateAcls: new access rules (KIP-140).
 *
 * v1   kinds of resource patterns (KIP-290); a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 * v3   users as resources (KIP-373)
 */
import { api, array, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const createAcls = api(30, "CreateAcls", { versions: [0, 3], flexible: 2 }, {
  request: {
    creations: array({
      resourceType: int8,
      resourceName: string,
      resourcePatternType: int8.default(3).since(1),
      principal: string,
      host: string,
      operation: int8,
      permissionType: int8,
    }),
  },
  response: {
    throttleTimeMs: int32,
    results: array({ errorCode: int16, errorMessage: string.nullable() }),
  },
});

export type CreateAclsRequest = Infer<typeof createAcls.request>;
export type CreateAclsRequestDraft = Draft<typeof createAcls.request>;
export type CreateAclsResponse = Infer<typeof createAcls.response>;
export type CreateAclsResponseDraft = Draft<typeof createAcls.response>;
