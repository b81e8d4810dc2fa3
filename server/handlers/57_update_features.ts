/**
 * UpdateFeatures: v0–v2.
 *
 * v1 the kind of a downgrade, validation only · v2 no results by feature
 *
 * All features are changed or none: the first that cannot be refuses the request. As in Kafka, v0 cannot lower a level, whatever it
 * allows, and of a feature that is named twice the last counts.
 */
import { updateFeatures, type UpdateFeaturesRequest } from "../../protocol/api/57_update_features.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { FeatureUpdate } from "../cluster/feature_plans.ts";
import { handle } from "../handler.ts";

export const updateFeaturesHandler = handle(updateFeatures, [0, 2], async (request, { broker, apiVersion }) => {
  const updates = updatesOf(request);
  try {
    await broker.cluster.updateFeatures(updates, { validateOnly: request.validateOnly });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { throttleTimeMs: 0, errorCode: error.code, errorMessage: error.message, results: [] };
  }
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    results: apiVersion > 1 ? [] : updates.map(({ name }) => ({ feature: name, errorCode: 0, errorMessage: null })),
  };
});

function updatesOf({ featureUpdates }: UpdateFeaturesRequest): FeatureUpdate[] {
  const byName = new Map<string, FeatureUpdate>();
  for (const { feature: name, maxVersionLevel: level, upgradeType } of featureUpdates) {
    byName.set(name, { name, level, upgradeType });
  }
  return [...byName.values()];
}
