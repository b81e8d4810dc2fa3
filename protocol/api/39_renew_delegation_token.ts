/**
 * RenewDelegationToken: a later end for a token (KIP-48).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 */
import { api, bytes, type Draft, type Infer, int16, int32, int64, int64Saturating } from "../schema.ts";

export const renewDelegationToken = api(39, "RenewDelegationToken", { versions: [0, 2], flexible: 2 }, {
  request: {
    hmac: bytes,
    renewPeriodMs: int64Saturating,
  },
  response: {
    errorCode: int16,
    expiryTimestampMs: int64,
    throttleTimeMs: int32,
  },
});

export type RenewDelegationTokenRequest = Infer<typeof renewDelegationToken.request>;
export type RenewDelegationTokenRequestDraft = Draft<typeof renewDelegationToken.request>;
export type RenewDelegationTokenResponse = Infer<typeof renewDelegationToken.response>;
export type RenewDelegationTokenResponseDraft = Draft<typeof renewDelegationToken.response>;
