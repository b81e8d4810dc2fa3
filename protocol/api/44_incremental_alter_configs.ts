/**
 * IncrementalAlterConfigs: changes to the configuration of a resource: 0 set, 1 delete, 2 append, 3 subtract (KIP-339).
 *
 * v1   flexible
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const incrementalAlterConfigs = api(44, "IncrementalAlterConfigs", { versions: [0, 1], flexible: 1 }, {
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, configOperation: int8, value: string.nullable() }),
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

export type IncrementalAlterConfigsRequest = Infer<typeof incrementalAlterConfigs.request>;
export type IncrementalAlterConfigsRequestDraft = Draft<typeof incrementalAlterConfigs.request>;
export type IncrementalAlterConfigsResponse = Infer<typeof incrementalAlterConfigs.response>;
export type IncrementalAlterConfigsResponseDraft = Draft<typeof incrementalAlterConfigs.response>;
