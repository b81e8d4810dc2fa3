/**
 * ExpireDelegationToken: an earlier end for a token, or an end at once (KIP-48).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 */
import { api, bytes, type Draft, type Infer, int16, int32, int64, int64Saturating } from "../schema.ts";

export const expireDelegationToken = api(40, "ExpireDelegationToken", { versions: [0, 2], flexible: 2 }, {
  request: {
    hmac: bytes,
    expiryTimePeriodMs: int64Saturating,
  },
  response: {
    errorCode: int16,
    expiryTimestampMs: int64,
    throttleTimeMs: int32,
  },
});

export type ExpireDelegationTokenRequest = Infer<typeof expireDelegationToken.request>;
export type ExpireDelegationTokenRequestDraft = Draft<typeof expireDelegationToken.request>;
export type ExpireDelegationTokenResponse = Infer<typeof expireDelegationToken.response>;
export type ExpireDelegationTokenResponseDraft = Draft<typeof expireDelegationToken.response>;
