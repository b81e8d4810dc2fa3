/**
 * DescribeUserScramCredentials: v0.
 *
 * Null or nobody asks for all users. A user named twice is told so once.
 */
import { describeUserScramCredentials } from "../../protocol/api/50_describe_user_scram_credentials.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ScramCredentials } from "../cluster/scram.ts";
import { handle } from "../handler.ts";

export const describeUserScramCredentialsHandler = handle(
  describeUserScramCredentials,
  [0, 0],
  ({ users }, { broker: { cluster: { scramCredentials } } }) => {
    const seen = new Set<string>();
    const twice = new Set<string>();
    for (const { name } of users ?? []) (seen.has(name) ? twice : seen).add(name);
    const names = seen.size > 0 ? seen : scramCredentials.users();
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      errorMessage: "",
      results: Array.from(names, (user) => describe(user, twice.has(user), scramCredentials)),
    };
  },
);

function describe(user: string, isTwice: boolean, credentials: ScramCredentials) {
  if (isTwice) {
    const message = "Cannot describe SCRAM credentials for the same user twice in a single request: ";
    return failed(user, ErrorCode.DUPLICATE_RESOURCE, message);
  }
  const own = credentials.ofUser(user);
  if (own.length === 0) {
    const message = "Attempt to describe a user credential that does not exist: ";
    return failed(user, ErrorCode.RESOURCE_NOT_FOUND, message);
  }
  const credentialInfos = own.map(([mechanism, { iterations }]) => ({ mechanism, iterations }));
  return { user, errorCode: ErrorCode.NONE, errorMessage: "", credentialInfos };
}

function failed(user: string, errorCode: number, message: string) {
  return { user, errorCode, errorMessage: message + user, credentialInfos: [] };
}
