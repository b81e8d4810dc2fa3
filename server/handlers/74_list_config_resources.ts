/**
 * ListConfigResources: v0–v1.
 *
 * v0 lists client metrics subscriptions (KIP-1000) · v1 resources of the kinds asked for, or of all (KIP-1142)
 *
 * Topics and brokers are listed whether or not anything was set for them; groups and subscriptions are there by what was set.
 */
import { listConfigResources } from "../../protocol/api/74_list_config_resources.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { type Cluster, ResourceType } from "../cluster/cluster.ts";
import { handle } from "../handler.ts";

const listers: ReadonlyMap<number, (cluster: Cluster) => readonly string[]> = new Map([
  [ResourceType.TOPIC, (cluster) => cluster.topics().map(({ name }) => name)],
  [ResourceType.BROKER, (cluster) => cluster.brokerIds().map(String)],
  [ResourceType.BROKER_LOGGER, (cluster) => cluster.brokerIds().map(String)],
  [ResourceType.CLIENT_METRICS, (cluster) => namesSet(cluster, ResourceType.CLIENT_METRICS)],
  [ResourceType.GROUP, (cluster) => namesSet(cluster, ResourceType.GROUP)],
]);

export const listConfigResourcesHandler = handle(listConfigResources, [0, 1], (request, { broker, apiVersion }) => {
  const types = apiVersion === 0
    ? [ResourceType.CLIENT_METRICS]
    : request.resourceTypes.length === 0
    ? [...listers.keys()]
    : [...new Set(request.resourceTypes)];
  if (!types.every((type) => listers.has(type))) {
    return { throttleTimeMs: 0, errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] };
  }
  const configResources = types.flatMap((resourceType) =>
    listers.get(resourceType)!(broker.cluster).map((resourceName) => ({ resourceName, resourceType }))
  );
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, configResources };
});

function namesSet(cluster: Cluster, type: number): string[] {
  return Array.from(cluster.configResources(type), ({ name }) => name);
}
