/**
 * UpdateFeatures: changes the levels of features that the whole cluster goes by (KIP-584).
 *
 * v0   flexible; a downgrade has to be allowed
 * v1   which kind of downgrade, safe or lossy; only to ask what would become of it (KIP-778)
 * v2   the answer no longer speaks of each feature: all or none are changed (KIP-1022)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const updateFeatures = api(57, "UpdateFeatures", { versions: [0, 2], flexible: 0 }, {
  request: {
    timeoutMs: int32.default(60_000),
    featureUpdates: array({
      feature: string,
      maxVersionLevel: int16,
      allowDowngrade: bool.until(0),
      upgradeType: int8.default(1).since(1),
    }),
    validateOnly: bool.default(false).since(1),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array({
      feature: string,
      errorCode: int16,
      errorMessage: string.nullable(),
    }).until(1).ignorable(),
  },
});

export type UpdateFeaturesRequest = Infer<typeof updateFeatures.request>;
export type UpdateFeaturesRequestDraft = Draft<typeof updateFeatures.request>;
export type UpdateFeaturesResponse = Infer<typeof updateFeatures.response>;
export type UpdateFeaturesResponseDraft = Draft<typeof updateFeatures.response>;
