/** What heartbeats of the newer protocols must say alike. Sentences are Kafka's, for clients log them. */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import type { GroupKind } from "./state.ts";

/** @throws {ProtocolError} INVALID_REQUEST */
export function refuseEmpty(value: string | null, message: string): void {
  // What Java's trim leaves nothing of.
  // deno-lint-ignore no-control-regex
  if (value !== null && /^[\x00-\x20]*$/.test(value)) throw invalid(message);
}

export function invalid(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.INVALID_REQUEST, message);
}

/** There is no group of the kind; `isOther`: but one of another. */
export function noGroup(
  kind: GroupKind,
  groupId: string,
  { memberEpoch, isOther }: { readonly memberEpoch: number; readonly isOther: boolean },
): ProtocolError {
  if (isOther) return otherGroup(kind, groupId);
  // Leaving asks for it in words of its own.
  const what = memberEpoch < 0 ? "Group" : `${kind[0]!.toUpperCase()}${kind.slice(1)} group`;
  return new ProtocolError(ErrorCode.GROUP_ID_NOT_FOUND, `${what} ${groupId} not found.`);
}

export function otherGroup(kind: GroupKind, groupId: string): ProtocolError {
  return new ProtocolError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a ${kind} group.`);
}
