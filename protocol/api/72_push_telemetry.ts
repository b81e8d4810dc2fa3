/**
 * PushTelemetry: a client reports its metrics, as OpenTelemetry writes them (KIP-714).
 *
 * v0   flexible
 */
import { api, bool, bytes, type Draft, type Infer, int16, int32, int8, uuid } from "../schema.ts";

export const pushTelemetry = api(72, "PushTelemetry", { versions: [0, 0], flexible: 0 }, {
  request: {
    clientInstanceId: uuid,
    subscriptionId: int32,
    terminating: bool,
    compressionType: int8,
    metrics: bytes,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
  },
});

export type PushTelemetryRequest = Infer<typeof pushTelemetry.request>;
export type PushTelemetryRequestDraft = Draft<typeof pushTelemetry.request>;
export type PushTelemetryResponse = Infer<typeof pushTelemetry.response>;
export type PushTelemetryResponseDraft = Draft<typeof pushTelemetry.response>;
