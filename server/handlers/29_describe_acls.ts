/**
 * DescribeAcls: v0–v3.
 *
 * v1 kinds of patterns · v2 flexible · v3 users as resources
 *
 * There is no authorizer, so there are no access rules: SECURITY_DISABLED, as Kafka without one.
 */
import { describeAcls } from "../../protocol/api/29_describe_acls.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { checkAclFilter } from "../acl_kinds.ts";
import { handle } from "../handler.ts";

export const describeAclsHandler = handle(describeAcls, [0, 3], (filter) => {
  checkAclFilter(filter);
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.SECURITY_DISABLED,
    errorMessage: "No Authorizer is configured on the broker",
    resources: [],
  };
});
