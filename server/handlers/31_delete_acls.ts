/**
 * DeleteAcls: v0–v3.
 *
 * v1 kinds of patterns, throttling after the answer · v2 flexible · v3 users as resources
 *
 * There is no authorizer: SECURITY_DISABLED for each filter, as Kafka without one.
 */
import { deleteAcls } from "../../protocol/api/31_delete_acls.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { checkAclFilter } from "../acl_kinds.ts";
import { handle } from "../handler.ts";

const refused = {
  errorCode: ErrorCode.SECURITY_DISABLED,
  errorMessage: "No Authorizer is configured.",
  matchingAcls: [],
};

export const deleteAclsHandler = handle(deleteAcls, [0, 3], ({ filters }) => {
  for (const filter of filters) checkAclFilter(filter);
  return { throttleTimeMs: 0, filterResults: filters.map(() => refused) };
});
