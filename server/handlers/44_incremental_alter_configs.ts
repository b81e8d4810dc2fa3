/**
 * IncrementalAlterConfigs: v0–v1.
 *
 * v1 flexible
 *
 * Sets, deletes, appends to and subtracts from single configs of a resource (KIP-339). Also the level of the broker's log
 * (KIP-412), which has one logger, `root`, and lasts until the broker stops.
 */
import {
  incrementalAlterConfigs,
  type IncrementalAlterConfigsRequest,
} from "../../protocol/api/44_incremental_alter_configs.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { ResourceType } from "../cluster/cluster.ts";
import { ConfigOperation, planChanges, refuseOddRequests, type RequestedChange } from "../config/alter.ts";
import { alterResource, alterResources } from "../config/alter_resource.ts";
import { handle } from "../handler.ts";
import type { LogLevel } from "../log.ts";

export const incrementalAlterConfigsHandler = handle(incrementalAlterConfigs, [0, 1], async (request, { broker }) => ({
  throttleTimeMs: 0,
  responses: await alterResources(request.resources, (resource) => alter(broker, resource, request.validateOnly)),
}));

type Resource = IncrementalAlterConfigsRequest["resources"][number];

async function alter(broker: Broker, resource: Resource, validateOnly: boolean): Promise<void> {
  const requested = resource.configs.map(({ name, configOperation: operation, value }) => ({ name, operation, value }));
  if (resource.resourceType === ResourceType.BROKER_LOGGER) {
    return alterLogger(broker, resource.resourceName, requested, validateOnly);
  }
  await alterResource(broker, resource, { requested, plan: planChanges, validateOnly });
}

/** Kafka's levels as ours. */
const levels: Readonly<Record<string, LogLevel>> = {
  TRACE: "debug",
  DEBUG: "debug",
  INFO: "info",
  WARN: "warn",
  ERROR: "error",
  FATAL: "error",
};

function alterLogger(
  { cluster, logger }: Broker,
  name: string,
  changes: readonly RequestedChange[],
  validateOnly: boolean,
): void {
  refuseOddRequests(changes);
  if (name !== `${cluster.nodeId}`) {
    throw new ProtocolError(
      ErrorCode.INVALID_REQUEST,
      `Unexpected node id. Expected ${cluster.nodeId}, but received ${name}`,
    );
  }
  for (const change of changes) checkLoggerChange(change);
  if (validateOnly) return;
  for (const { value } of changes) logger.level = levels[value!]!;
}

function checkLoggerChange({ name, operation, value }: RequestedChange): void {
  if (operation === ConfigOperation.APPEND || operation === ConfigOperation.SUBTRACT) {
    const verb = operation === ConfigOperation.APPEND ? "APPEND" : "SUBTRACT";
    throw new ProtocolError(
      ErrorCode.INVALID_REQUEST,
      `${verb} operation is not allowed for the BROKER_LOGGER resource`,
    );
  }
  if (name !== "root") throw new ProtocolError(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist!`);
  if (operation === ConfigOperation.DELETE) {
    throw new ProtocolError(ErrorCode.INVALID_REQUEST, "Removing the log level of the root logger is not allowed");
  }
  if (value === null || !Object.hasOwn(levels, value)) {
    throw new ProtocolError(
      ErrorCode.INVALID_CONFIG,
      `Cannot set the log level of ${name} to ${value} as it is not a supported log level. ` +
        `Valid log levels are ${Object.keys(levels).sort().join(", ")}`,
    );
  }
}
