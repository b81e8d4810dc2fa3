/**
 * ListGroups: v0–v5.
 *
 * v1 throttle · v3 flexible · v4 states, and a filter by them (KIP-518) · v5 types, and a filter by them (KIP-848)
 *
 * Filters ignore case; a name that is no state or type matches nothing. As in Kafka, the filter for NotReady is "not_ready".
 */
import { listGroups } from "../../protocol/api/16_list_groups.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { GroupState } from "../groups/classic/state.ts";
import { type ConsumerGroupState, phaseOf } from "../groups/consumer/state.ts";
import { type ShareGroupState, sharePhaseOf } from "../groups/share/state.ts";
import { phaseOf as streamsPhaseOf, type StreamsGroupState } from "../groups/streams/state.ts";
import { handle } from "../handler.ts";

interface Listed {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: string;
  readonly groupType: "classic" | "consumer" | "streams" | "share";
}

export const listGroupsHandler = handle(listGroups, [0, 5], (request, { broker }) => {
  const classic = broker.groups.listGroups();
  if (typeof classic === "number") return { errorCode: classic, groups: [] };
  const all = [
    ...classic.map(ofClassic),
    ...broker.groups.listConsumerGroups().map(ofConsumers),
    ...broker.groups.streams.list().map(ofStreams),
    ...broker.groups.share.list().map(ofShare),
  ];
  const isWantedState = filterBy(request.statesFilter);
  const isWantedType = filterBy(request.typesFilter);
  const groups = all.filter(({ groupState, groupType }) =>
    isWantedState(groupState === "NotReady" ? "not_ready" : groupState) && isWantedType(groupType)
  );
  return { errorCode: ErrorCode.NONE, groups };
});

function ofClassic({ groupId, protocolType, phase }: GroupState): Listed {
  return { groupId, protocolType: protocolType ?? "", groupState: phase, groupType: "classic" };
}

function ofConsumers(state: ConsumerGroupState): Listed {
  return { groupId: state.groupId, protocolType: "consumer", groupState: phaseOf(state), groupType: "consumer" };
}

function ofStreams(state: StreamsGroupState): Listed {
  return { groupId: state.groupId, protocolType: "streams", groupState: streamsPhaseOf(state), groupType: "streams" };
}

function ofShare(state: ShareGroupState): Listed {
  return { groupId: state.groupId, protocolType: "share", groupState: sharePhaseOf(state), groupType: "share" };
}

/** An empty filter lets everything pass. */
function filterBy(names: readonly string[]): (name: string) => boolean {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return (name) => wanted.size === 0 || wanted.has(name.toLowerCase());
}
