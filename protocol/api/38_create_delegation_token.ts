/**
 * CreateDelegationToken: a token with which others may act for its owner (KIP-48).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 * v3   an owner other than who asks; answer: who asked (KIP-373)
 */
import { api, array, bytes, type Draft, type Infer, int16, int32, int64, int64Saturating, string } from "../schema.ts";

export const createDelegationToken = api(38, "CreateDelegationToken", { versions: [0, 3], flexible: 2 }, {
  request: {
    ownerPrincipalType: string.nullable(3).since(3),
    ownerPrincipalName: string.nullable(3).since(3),
    renewers: array({ principalType: string, principalName: string }),
    maxLifetimeMs: int64Saturating,
  },
  response: {
    errorCode: int16,
    principalType: string,
    principalName: string,
    tokenRequesterPrincipalType: string.since(3),
    tokenRequesterPrincipalName: string.since(3),
    issueTimestampMs: int64,
    expiryTimestampMs: int64,
    maxTimestampMs: int64,
    tokenId: string,
    hmac: bytes,
    throttleTimeMs: int32,
  },
});

export type CreateDelegationTokenRequest = Infer<typeof createDelegationToken.request>;
export type CreateDelegationTokenRequestDraft = Draft<typeof createDelegationToken.request>;
export type CreateDelegationTokenResponse = Infer<typeof createDelegationToken.response>;
export type CreateDelegationTokenResponseDraft = Draft<typeof createDelegationToken.response>;
