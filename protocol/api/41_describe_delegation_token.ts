/**
 * DescribeDelegationToken: the tokens of some owners, or all (KIP-48).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 * v3   answer: who asked for the token (KIP-373)
 */
import { api, array, bytes, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const describeDelegationToken = api(41, "DescribeDelegationToken", { versions: [0, 3], flexible: 2 }, {
  request: {
    owners: array({ principalType: string, principalName: string }).nullable(),
  },
  response: {
    errorCode: int16,
    tokens: array({
      principalType: string,
      principalName: string,
      tokenRequesterPrincipalType: string.since(3),
      tokenRequesterPrincipalName: string.since(3),
      issueTimestamp: int64,
      expiryTimestamp: int64,
      maxTimestamp: int64,
      tokenId: string,
      hmac: bytes,
      renewers: array({ principalType: string, principalName: string }),
    }),
    throttleTimeMs: int32,
  },
});

export type DescribeDelegationTokenRequest = Infer<typeof describeDelegationToken.request>;
export type DescribeDelegationTokenRequestDraft = Draft<typeof describeDelegationToken.request>;
export type DescribeDelegationTokenResponse = Infer<typeof describeDelegationToken.response>;
export type DescribeDelegationTokenResponseDraft = Draft<typeof describeDelegationToken.response>;
