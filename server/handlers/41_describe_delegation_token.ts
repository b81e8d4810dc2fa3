/**
 * DescribeDelegationToken: v0–v3.
 *
 * v1 throttling after the answer · v2 flexible · v3 who asked for a token
 *
 * Without authentication there are no tokens: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, as in Kafka.
 */
import { describeDelegationToken } from "../../protocol/api/41_describe_delegation_token.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const describeDelegationTokenHandler = handle(describeDelegationToken, [0, 3], () => ({
  errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
  tokens: [],
  throttleTimeMs: 0,
}));
