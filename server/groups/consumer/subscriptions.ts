/**
 * What members subscribe to, and when that calls for another assignment: the group epoch rises when
 *
 *     a member subscribes to other names, or wants another assignor so that the majority changes
 *     a member subscribes to another expression whose topics are known, or to none any more
 *     the topics that match an expression, once they are found, are others than before
 *     the topics subscribed to are not what they were (deleted, made again, more partitions)
 *     a member is gone
 *
 * Expressions are matched with the topics apart from the heartbeat that brings them, all of a group together, at most
 * every ten seconds; so a member that brings a new one gets its partitions with a later heartbeat.
 */
import { checkPattern } from "./patterns/pattern.ts";
import type { Draft } from "./draft.ts";
import { groupHash } from "./metadata_hash.ts";
import type { ConsumerGroupState, ConsumerMember, GroupTopics, RegexesResolvedEvent } from "./state.ts";

const regexRefreshIntervalMinMs = 10_000;

/** What became of a member's expression. */
export type RegexChange = "none" | "changed" | "changedAndKnown";

/**
 * Writes what a changed expression means for the group, and asks for expressions to be matched when it is time.
 * To be called with the member as it was, before `updated` is put in its place.
 * @throws {ProtocolError} INVALID_REGULAR_EXPRESSION
 */
export function changeRegex(draft: Draft, member: ConsumerMember, updated: ConsumerMember): RegexChange {
  const { regexSubscribers, regexes, isResolving } = draft.state;
  const subscribed = new Set(regexSubscribers.keys());
  let change: RegexChange = "none";
  let isNew = false;
  if (member.regex !== updated.regex) {
    change = "changed";
    if (member.regex !== "" && regexSubscribers.get(member.regex) === 1) {
      subscribed.delete(member.regex);
      draft.setRegex(member.regex, null);
    }
    if (updated.regex === "") change = "changedAndKnown";
    else if (!regexSubscribers.has(updated.regex)) {
      checkPattern(updated.regex);
      subscribed.add(updated.regex);
      isNew = true;
    } else if (regexes.has(updated.regex)) change = "changedAndKnown";
  }
  if (subscribed.size === 0 || isResolving) return change;
  if (!isNew && !isRefreshWanted(draft, subscribed.size)) return change;
  if (draft.nowMs <= lastResolution(draft.before).timestampMs + regexRefreshIntervalMinMs) return change;
  draft.update({ isResolving: true });
  draft.do({ kind: "resolve", regexes: [...subscribed] });
  return change;
}

function isRefreshWanted({ before, topics, rules, nowMs }: Draft, subscribedCount: number): boolean {
  const { version, timestampMs } = lastResolution(before);
  return subscribedCount !== before.regexes.size || version < topics.newTopicsVersion ||
    nowMs > timestampMs + rules.regexRefreshIntervalMs;
}

/** All are resolved together, so any one of them tells. */
function lastResolution({ regexes }: ConsumerGroupState): { readonly version: number; readonly timestampMs: number } {
  const [first] = regexes.values();
  return first ?? { version: 0, timestampMs: -Infinity };
}

export function regexesResolved(draft: Draft, { matches, version, timestampMs }: RegexesResolvedEvent): void {
  draft.update({ isResolving: false });
  let isChanged = false;
  for (const [regex, topics] of matches) {
    if (!draft.state.regexSubscribers.has(regex)) continue;
    const old = draft.state.regexes.get(regex)?.topics ?? [];
    if (old.length !== topics.length || old.some((topic, index) => topic !== topics[index])) isChanged = true;
    draft.setRegex(regex, { topics, version, timestampMs });
  }
  const hash = metadataHash(draft.state, draft.topics);
  if (!isChanged && hash === draft.state.metadataHash) return;
  draft.setGroupEpoch(draft.state.groupEpoch + 1, hash);
  draft.update({ isRefreshDue: false });
}

/** Looks at the topics, and raises the group epoch when they have changed, or when `isRaised` anyway. */
export function refreshTopics(draft: Draft, isRaised: boolean): void {
  const hash = metadataHash(draft.state, draft.topics);
  if (isRaised || hash !== draft.state.metadataHash) draft.setGroupEpoch(draft.state.groupEpoch + 1, hash);
  draft.update({ isRefreshDue: false });
  if (!draft.state.hasPartitionMetadata) return;
  draft.update({ hasPartitionMetadata: false });
  draft.write({ kind: "partitionMetadata", value: null });
}

export function metadataHash({ topicSubscribers }: ConsumerGroupState, topics: GroupTopics): bigint {
  const names = [...topicSubscribers.keys()].filter((name) => topics.topic(name) !== undefined).sort();
  return groupHash(names.map((name) => topics.hashOf(name)));
}
