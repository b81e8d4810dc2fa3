/**
 * CreateDelegationToken: v0–v3.
 *
 * v1 throttling after the answer · v2 flexible · v3 an owner other than who asks
 *
 * A token says who asked for it, and on a listener without authentication nobody knows: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, as
 * in Kafka. The answer names the owner all the same.
 */
import { createDelegationToken } from "../../protocol/api/38_create_delegation_token.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

/** Whoever is not authenticated. */
const anonymous = { principalType: "User", principalName: "ANONYMOUS" } as const;
const never = -1;

export const createDelegationTokenHandler = handle(createDelegationToken, [0, 3], (request, { apiVersion }) => {
  const { ownerPrincipalType, ownerPrincipalName } = request;
  const owner = ownerPrincipalName === null || ownerPrincipalName === ""
    ? anonymous
    : { principalType: ownerPrincipalType ?? "", principalName: ownerPrincipalName };
  const requester = {
    tokenRequesterPrincipalType: anonymous.principalType,
    tokenRequesterPrincipalName: anonymous.principalName,
  };
  return {
    errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
    ...owner,
    ...(apiVersion < 3 ? {} : requester),
    issueTimestampMs: never,
    expiryTimestampMs: never,
    maxTimestampMs: never,
    tokenId: "",
    hmac: new Uint8Array(0),
    throttleTimeMs: 0,
  };
});
