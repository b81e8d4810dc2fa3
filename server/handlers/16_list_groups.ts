/**
 * ListGroups: v0–v5.
 *
 * v1 throttle · v3 flexible · v4 states, and a filter by them (KIP-518) · v5 types, and a filter by them (KIP-848)
 *
 * Filters ignore case; a name that is no state or type matches nothing.
 */
import { listGroups } from "../../protocol/api/16_list_groups.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

const CLASSIC = "classic";

export const listGroupsHandler = handle(listGroups, [0, 5], (request, { broker }) => {
  const states = broker.groups.listGroups();
  if (typeof states === "number") return { errorCode: states, groups: [] };
  const isWantedState = filterBy(request.statesFilter);
  const isWantedType = filterBy(request.typesFilter);
  const groups = states.filter(({ phase }) => isWantedState(phase) && isWantedType(CLASSIC)).map((state) => ({
    groupId: state.groupId,
    protocolType: state.protocolType ?? "",
    groupState: state.phase,
    groupType: CLASSIC,
  }));
  return { errorCode: ErrorCode.NONE, groups };
});

/** An empty filter lets everything pass. */
function filterBy(names: readonly string[]): (name: string) => boolean {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return (name) => wanted.size === 0 || wanted.has(name.toLowerCase());
}
