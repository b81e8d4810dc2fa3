/**
 * ApiVersions: v0–v5.
 *
 * v1 throttle · v3 flexible, client software (KIP-511), features (KIP-584) · v4 features whose lowest level is 0 ·
 * v5 the client says whom it means to talk to, cluster and node or neither (KIP-1242)
 *
 * What is served is computed from the handler table; client metrics are kept back while nobody wants them. A version we do
 * not know is answered in v0 (see dispatch.ts).
 */
import { apiVersions } from "../../protocol/api/18_api_versions.ts";
import { getTelemetrySubscriptions } from "../../protocol/api/71_get_telemetry_subscriptions.ts";
import { pushTelemetry } from "../../protocol/api/72_push_telemetry.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { supportedFeatures } from "../features.ts";
import { handle, type Handler } from "../handler.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { handlers } from "./table.ts";

const telemetryKeys: ReadonlySet<number> = new Set([getTelemetrySubscriptions.key, pushTelemetry.key]);

/** KIP-511: letters, digits, dots and hyphens, with neither of the last two at an end. */
const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

export const apiVersionsHandler = handle(apiVersions, [0, 5], (request, context) => {
  const { apiVersion, broker, connection } = context;
  if (apiVersion >= 3) {
    const { clientSoftwareName, clientSoftwareVersion } = request;
    if (!softwareName.test(clientSoftwareName) || !softwareName.test(clientSoftwareVersion)) {
      return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
    }
    connection.clientSoftwareName = clientSoftwareName;
    connection.clientSoftwareVersion = clientSoftwareVersion;
  }
  const { clusterId, nodeId } = request;
  if ((clusterId === null) !== (nodeId === -1)) return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
  const isMeantForAnother = clusterId !== null &&
    (clusterId !== broker.cluster.clusterId || nodeId !== broker.cluster.nodeId);
  if (isMeantForAnother) return { errorCode: ErrorCode.REBOOTSTRAP_REQUIRED, apiKeys: [] };
  const { epoch, levels } = broker.cluster.finalizedFeatures;
  return {
    errorCode: ErrorCode.NONE,
    apiKeys: advertised(broker.telemetry)
      .map(({ api, minVersion, maxVersion }) => ({ apiKey: api.key, minVersion, maxVersion })),
    supportedFeatures: supportedFeatures.filter(({ minVersion }) => apiVersion >= 4 || minVersion > 0)
      .map(({ name, minVersion, maxVersion }) => ({ name, minVersion, maxVersion })),
    finalizedFeaturesEpoch: epoch,
    finalizedFeatures: Array.from(
      levels,
      ([name, level]) => ({ name, maxVersionLevel: level, minVersionLevel: level }),
    ),
  };
});

function advertised({ isAdvertised }: Pick<Telemetry, "isAdvertised">): readonly Handler[] {
  return isAdvertised ? handlers : handlers.filter(({ api }) => !telemetryKeys.has(api.key));
}
