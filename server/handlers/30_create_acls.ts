/**
 * CreateAcls: v0–v3.
 *
 * v1 kinds of patterns, throttling after the answer · v2 flexible · v3 users as resources
 *
 * There is no authorizer: SECURITY_DISABLED for each rule, as Kafka without one.
 */
import { createAcls } from "../../protocol/api/30_create_acls.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { checkAclKinds } from "../acl_kinds.ts";
import { handle } from "../handler.ts";

const refused = { errorCode: ErrorCode.SECURITY_DISABLED, errorMessage: "No Authorizer is configured." };

export const createAclsHandler = handle(createAcls, [0, 3], ({ creations }) => {
  for (const { resourceType, resourcePatternType, operation, permissionType } of creations) {
    checkAclKinds([resourceType, resourcePatternType, operation, permissionType]);
  }
  return { throttleTimeMs: 0, results: creations.map(() => refused) };
});
