/**
 * Of which partitions the share coordinator keeps the state for a group, and how that changes:
 *
 *     a member subscribes to a topic, or the topic grows    initializing; the share coordinator is asked to begin
 *     the share coordinator has begun                       initialized: may be assigned
 *     … could not                                           gone, and tried again with a later heartbeat
 *     the group is to forget the topic, or all              deleting, until the share coordinator has forgotten it
 *     the topic is deleted                                  gone
 */
import { SmallMap } from "../small_map.ts";
import type { GroupTopics, InitialTopic, NamedPartitions, StatePartitions, TopicPartitions } from "./state.ts";

/** In a topic that is new to the group, the group's rule for new partitions decides where it begins, once somebody reads. */
const UNDECIDED_OFFSET = -1;

/** What of the topics subscribed to the share coordinator is still to be asked to begin with. */
export function lackingPartitions(
  { initialized, initializing }: StatePartitions,
  names: readonly string[],
  topics: GroupTopics,
  isUnderWay: (topicId: string) => boolean,
): InitialTopic[] {
  const lacking: InitialTopic[] = [];
  for (const name of names) {
    const topic = topics.topic(name);
    if (topic === undefined) continue;
    const isKnown = initialized.has(topic.id);
    const there = new Set(initialized.get(topic.id)?.partitions);
    if (isUnderWay(topic.id)) {
      for (const partition of initializing.get(topic.id)?.partitions ?? []) there.add(partition);
    }
    // Partitions that are added to a topic are new as a whole: nothing in them is older than the group's interest.
    const startOffset = isKnown ? 0 : UNDECIDED_OFFSET;
    const partitions = Array.from({ length: topic.partitionCount }, (_, partition) => ({ partition, startOffset }))
      .filter(({ partition }) => !there.has(partition));
    if (partitions.length > 0) lacking.push({ topicId: topic.id, name, partitions });
  }
  return lacking;
}

export function withInitializing(state: StatePartitions, topics: readonly InitialTopic[]): StatePartitions {
  const more = new SmallMap(
    topics.map(({ topicId, name, partitions }) =>
      [topicId, { name, partitions: partitions.map(({ partition }) => partition) }] as const
    ),
  );
  const deleting = new SmallMap([...state.deleting].filter(([topicId]) => !more.has(topicId)));
  return { ...state, initializing: united(state.initializing, more), deleting };
}

export function withInitialized(state: StatePartitions, done: TopicPartitions, topics: GroupTopics): StatePartitions {
  const more = new SmallMap([...done].map(([topicId, partitions]) => {
    const name = state.initializing.get(topicId)?.name ?? topics.topicById(topicId)?.name ?? "<UNKNOWN>";
    return [topicId, { name, partitions }] as const;
  }));
  return {
    ...state,
    initializing: reduced(state.initializing, done),
    initialized: united(state.initialized, more),
  };
}

export function withoutInitializing(state: StatePartitions, failed: TopicPartitions): StatePartitions {
  return { ...state, initializing: reduced(state.initializing, failed) };
}

/** null: all topics. */
export function withDeleting(state: StatePartitions, topicIds: readonly string[] | null): StatePartitions {
  const deleting = new SmallMap(state.deleting);
  const isMeant = (topicId: string) => topicIds === null || topicIds.includes(topicId);
  for (const part of topicIds === null ? [state.initialized, state.initializing] : [state.initialized]) {
    for (const [topicId, { name }] of part) if (isMeant(topicId)) deleting.set(topicId, name);
  }
  return {
    initializing: topicIds === null ? new SmallMap() : state.initializing,
    initialized: new SmallMap([...state.initialized].filter(([topicId]) => !isMeant(topicId))),
    deleting,
  };
}

export function withoutDeleting(state: StatePartitions, topicIds: readonly string[]): StatePartitions {
  return { ...state, deleting: new SmallMap([...state.deleting].filter(([topicId]) => !topicIds.includes(topicId))) };
}

/** Itself when none of the topics is in it. */
export function withoutTopics(state: StatePartitions, topicIds: ReadonlySet<string>): StatePartitions {
  const parts = [state.initializing, state.initialized, state.deleting];
  if (!parts.some((part) => [...part.keys()].some((topicId) => topicIds.has(topicId)))) return state;
  const left = <Value>(part: ReadonlyMap<string, Value>) =>
    new SmallMap([...part].filter(([topicId]) => !topicIds.has(topicId)));
  return {
    initializing: left(state.initializing),
    initialized: left(state.initialized),
    deleting: left(state.deleting),
  };
}

function united(one: NamedPartitions, more: NamedPartitions): NamedPartitions {
  const all = new SmallMap(one);
  for (const [topicId, { name, partitions }] of more) {
    const both = new Set([...all.get(topicId)?.partitions ?? [], ...partitions]);
    all.set(topicId, { name, partitions: [...both].sort((first, second) => first - second) });
  }
  return all;
}

function reduced(one: NamedPartitions, less: TopicPartitions): NamedPartitions {
  const left = new SmallMap(one);
  for (const [topicId, gone] of less) {
    const known = left.get(topicId);
    if (known === undefined) continue;
    const partitions = known.partitions.filter((partition) => !gone.includes(partition));
    if (partitions.length === 0) left.delete(topicId);
    else left.set(topicId, { ...known, partitions });
  }
  return left;
}
