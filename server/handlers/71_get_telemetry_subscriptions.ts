/** GetTelemetrySubscriptions: v0. Which metrics the operator wants from this client: `server/telemetry/`. */
import { getTelemetrySubscriptions } from "../../protocol/api/71_get_telemetry_subscriptions.ts";
import { Compression } from "../../protocol/compression.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import { handle, type RequestContext } from "../handler.ts";
import type { TelemetryClient } from "../telemetry/telemetry.ts";

/** The first is what clients take. */
const acceptedCompressionTypes = [Compression.zstd, Compression.lz4, Compression.gzip, Compression.snappy];

export const getTelemetrySubscriptionsHandler = handle(getTelemetrySubscriptions, [0, 0], (request, context) => {
  const { telemetry, config } = context.broker;
  const { errorCode, wanted } = telemetry.ask(request.clientInstanceId, telemetryClient(context));
  if (wanted === null) {
    return {
      throttleTimeMs: 0,
      errorCode,
      clientInstanceId: ZERO_UUID,
      subscriptionId: 0,
      acceptedCompressionTypes: [],
      pushIntervalMs: 0,
      telemetryMaxBytes: 0,
      deltaTemporality: false,
      requestedMetrics: [],
    };
  }
  return {
    throttleTimeMs: 0,
    errorCode,
    clientInstanceId: wanted.id,
    subscriptionId: wanted.subscriptionId,
    acceptedCompressionTypes,
    pushIntervalMs: wanted.intervalMs,
    telemetryMaxBytes: config.get("telemetry.max.bytes"),
    deltaTemporality: true,
    requestedMetrics: wanted.metrics,
  };
});

export function telemetryClient({ connection, clientId }: RequestContext): TelemetryClient {
  return {
    clientId: clientId ?? "",
    softwareName: connection.clientSoftwareName,
    softwareVersion: connection.clientSoftwareVersion,
    address: connection.remoteHostname,
    port: connection.remotePort,
    onClose: (run) => connection.onClose(run),
  };
}
