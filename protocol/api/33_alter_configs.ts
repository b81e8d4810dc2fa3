/**
 * AlterConfigs: sets the whole configuration of a resource; what is not named goes back to its default (KIP-133).
 * IncrementalAlterConfigs is the better one.
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const alterConfigs = api(33, "AlterConfigs", { versions: [0, 2], flexible: 2 }, {
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, value: string.nullable() }),
    }),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    responses: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      resourceType: int8,
      resourceName: string,
    }),
  },
});

export type AlterConfigsRequest = Infer<typeof alterConfigs.request>;
export type AlterConfigsRequestDraft = Draft<typeof alterConfigs.request>;
export type AlterConfigsResponse = Infer<typeof alterConfigs.response>;
export type AlterConfigsResponseDraft = Draft<typeof alterConfigs.response>;
