/**
 * ListConfigResources: what can be configured, by kind and name.
 *
 * v0   client metrics subscriptions alone (KIP-1000)
 * v1   the kinds that are asked for, or all (KIP-1142)
 */
import { api, array, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const listConfigResources = api(74, "ListConfigResources", { versions: [0, 1], flexible: 0 }, {
  request: {
    resourceTypes: array(int8).since(1),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    configResources: array({
      resourceName: string,
      resourceType: int8.default(16).since(1).ignorable(),
    }),
  },
});

export type ListConfigResourcesRequest = Infer<typeof listConfigResources.request>;
export type ListConfigResourcesRequestDraft = Draft<typeof listConfigResources.request>;
export type ListConfigResourcesResponse = Infer<typeof listConfigResources.response>;
export type ListConfigResourcesResponseDraft = Draft<typeof listConfigResources.response>;
