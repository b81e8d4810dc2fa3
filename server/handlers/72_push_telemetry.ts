/** PushTelemetry: v0. A client's report of its metrics, which anybody can consume from `__client_metrics`: `server/telemetry/`. */
import { pushTelemetry } from "../../protocol/api/72_push_telemetry.ts";
import { handle } from "../handler.ts";
import { telemetryClient } from "./71_get_telemetry_subscriptions.ts";

export const pushTelemetryHandler = handle(pushTelemetry, [0, 0], async (request, context) => {
  const { telemetry, config } = context.broker;
  const report = {
    subscriptionId: request.subscriptionId,
    isLast: request.terminating,
    compression: request.compressionType,
    bytes: request.metrics,
  };
  const sizeBytesMax = config.get("telemetry.max.bytes");
  const errorCode = await telemetry.push(request.clientInstanceId, telemetryClient(context), report, sizeBytesMax);
  return { throttleTimeMs: 0, errorCode };
});
