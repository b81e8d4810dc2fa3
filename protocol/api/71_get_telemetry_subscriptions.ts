/**
 * GetTelemetrySubscriptions: a client asks which of its metrics are wanted, and how often (KIP-714).
 *
 * v0   flexible
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int8, string, uuid } from "../schema.ts";

export const getTelemetrySubscriptions = api(71, "GetTelemetrySubscriptions", { versions: [0, 0], flexible: 0 }, {
  request: {
    clientInstanceId: uuid,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    clientInstanceId: uuid,
    subscriptionId: int32,
    acceptedCompressionTypes: array(int8),
    pushIntervalMs: int32,
    telemetryMaxBytes: int32,
    deltaTemporality: bool,
    requestedMetrics: array(string),
  },
});

export type GetTelemetrySubscriptionsRequest = Infer<typeof getTelemetrySubscriptions.request>;
export type GetTelemetrySubscriptionsRequestDraft = Draft<typeof getTelemetrySubscriptions.request>;
export type GetTelemetrySubscriptionsResponse = Infer<typeof getTelemetrySubscriptions.response>;
export type GetTelemetrySubscriptionsResponseDraft = Draft<typeof getTelemetrySubscriptions.response>;
