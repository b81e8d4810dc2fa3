/**
 * UnregisterController: takes a controller that is gone from the cluster's list.
 *
 * v0   flexible
 */
import { api, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const unregisterController = api(94, "UnregisterController", { versions: [0, 0], flexible: 0 }, {
  request: {
    controllerId: int32,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
  },
});

export type UnregisterControllerRequest = Infer<typeof unregisterController.request>;
export type UnregisterControllerRequestDraft = Draft<typeof unregisterController.request>;
export type UnregisterControllerResponse = Infer<typeof unregisterController.response>;
export type UnregisterControllerResponseDraft = Draft<typeof unregisterController.response>;
