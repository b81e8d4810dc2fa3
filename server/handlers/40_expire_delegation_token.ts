/**
 * ExpireDelegationToken: v0–v2.
 *
 * v1 throttling after the answer · v2 flexible
 *
 * Without authentication there are no tokens: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, as in Kafka.
 */
import { expireDelegationToken } from "../../protocol/api/40_expire_delegation_token.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const expireDelegationTokenHandler = handle(expireDelegationToken, [0, 2], () => ({
  errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
  expiryTimestampMs: -1,
  throttleTimeMs: 0,
}));
