/**
 * Where each partition's state can be asked for: members with an endpoint of their own, and the partitions of their tasks.
 * Members are told anew when the endpoint epoch that they know is not the group's.
 */
import type { GroupTopics } from "../modern/state.ts";
import type { ConfiguredSubtopology, ConfiguredTopology } from "./configure.ts";
import type { EndpointPartitions, StreamsGroupState, StreamsMember, TopicPartitions } from "./state.ts";
import { type Task, taskIdsOf } from "./tasks.ts";

/** @param last the member whose entry is the last */
export function endpointPartitions(state: StreamsGroupState, last: string, topics: GroupTopics): EndpointPartitions[] {
  const { members, configured } = state;
  const others = [...members.values()].filter(({ memberId }) => memberId !== last);
  return [...others, members.get(last)!].flatMap((member) => entryOf(member, configured, topics));
}

function entryOf(
  { endpoint, assigned }: StreamsMember,
  configured: ConfiguredTopology | null,
  topics: GroupTopics,
): EndpointPartitions[] {
  const subtopologies = configured?.subtopologies;
  if (endpoint === null || !subtopologies) return [];
  const active = partitionsOf(assigned.active.keys(), subtopologies, topics);
  // To the application a warm-up task is a copy like others.
  const standby = partitionsOf([...assigned.standby, ...assigned.warmup], subtopologies, topics);
  return [{ endpoint, active, standby }];
}

function partitionsOf(
  tasks: Iterable<Task>,
  subtopologies: ReadonlyMap<string, ConfiguredSubtopology>,
  topics: GroupTopics,
): TopicPartitions[] {
  return taskIdsOf(tasks).flatMap(({ subtopologyId, partitions }) => {
    const subtopology = subtopologies.get(subtopologyId);
    if (subtopology === undefined) return [];
    const names = new Set([
      ...subtopology.sourceTopics,
      ...subtopology.repartitionSourceTopics.map(({ name }) => name),
    ]);
    return [...names].flatMap((topic) => {
      // A topic may have fewer partitions than the subtopology has tasks.
      const count = topics.topic(topic)?.partitionCount ?? 0;
      const own = partitions.filter((partition) => partition < count);
      return own.length === 0 ? [] : [{ topic, partitions: own }];
    });
  });
}
