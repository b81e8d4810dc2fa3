/**
 * OffsetFetch: v0–v10.
 *
 * v0 as v1, but a partition without an offset is UNKNOWN_TOPIC_OR_PARTITION · v2 null topics mean all; an error for the
 * whole · v3 throttle · v5 leader epoch · v6 flexible · v7 requireStable (KIP-447) · v8 several groups · v9 member id and
 * epoch, which consumer groups look at: STALE_MEMBER_EPOCH, UNKNOWN_MEMBER_ID (KIP-848) · v10 topic ids
 *
 * A group or a partition that is not there has offset -1 and no error. An offset that was committed to an earlier topic
 * of the same name is none. Whoever insists on stable offsets is told UNSTABLE_OFFSET_COMMIT where an open transaction may
 * still change one.
 */
import {
  offsetFetch,
  type OffsetFetchRequest,
  type OffsetFetchResponseDraft,
} from "../../protocol/api/09_offset_fetch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import type { Broker } from "../broker.ts";
import type { ReadableOffsets } from "../groups/coordinator.ts";
import type { CommittedOffset } from "../groups/offset_store.ts";
import { handle, type RequestContext } from "../handler.ts";

type AskedGroup = OffsetFetchRequest["groups"][number];
type AskedTopic = NonNullable<AskedGroup["topics"]>[number];
type GroupAnswer = NonNullable<OffsetFetchResponseDraft["groups"]>[number];
type TopicAnswer = GroupAnswer["topics"][number];

export const offsetFetchHandler = handle(offsetFetch, [0, 10], async (request, context) => {
  const { apiVersion } = context;
  if (apiVersion >= 8) {
    const groups = await Promise.all(request.groups.map((asked) => answerGroup(asked, request, context)));
    return { groups };
  }
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
  const asked = { groupId: request.groupId, memberId: null, memberEpoch: -1, topics };
  const { errorCode = ErrorCode.NONE, topics: found } = await answerGroup(asked, request, context);
  if (errorCode !== ErrorCode.NONE && apiVersion < 2) {
    return { topics: topics?.map((topic) => named(topic, withError(topic.partitionIndexes, errorCode))) ?? [] };
  }
  return { topics: found.map((topic) => named(topic, topic.partitions)), errorCode };
});

async function answerGroup(
  asked: AskedGroup,
  { requireStable }: OffsetFetchRequest,
  context: RequestContext,
): Promise<GroupAnswer> {
  const { groupId, topics } = asked;
  const offsets = await context.broker.groups.offsetsOf(groupId, { requireStable, reader: asked });
  if (typeof offsets === "number") return { groupId, topics: [], errorCode: offsets };
  const answers = topics === null
    ? allTopics(offsets, groupId, context)
    : topics.map((topic) => oneTopic(offsets, groupId, topic, context));
  return { groupId, topics: answers };
}

function allTopics(offsets: ReadableOffsets, groupId: string, { broker, apiVersion }: RequestContext): TopicAnswer[] {
  const topics: TopicAnswer[] = [];
  for (const [name, partitions] of offsets.of(groupId)) {
    const topicId = broker.cluster.topic(name)?.id ?? ZERO_UUID;
    if (apiVersion >= 10 && topicId === ZERO_UUID) continue;
    const found = Array.from(partitions, ([partition, { durable }]) => ({ partition, durable }))
      .filter(({ durable }) => durable !== null && isOfTopic(durable, topicId))
      .map(({ partition, durable }) =>
        offsets.isUnstable(name, partition) ? unstable(partition) : answer(partition, durable)
      );
    if (found.length > 0) topics.push({ name, topicId, partitions: found });
  }
  return topics;
}

function oneTopic(
  offsets: ReadableOffsets,
  groupId: string,
  asked: AskedTopic,
  { broker, apiVersion }: RequestContext,
): TopicAnswer {
  const { partitionIndexes } = asked;
  const topic = topicOf(broker, asked, apiVersion);
  if (apiVersion >= 10 && topic === undefined) {
    return { topicId: asked.topicId, partitions: withError(partitionIndexes, ErrorCode.UNKNOWN_TOPIC_ID) };
  }
  const name = topic?.name ?? asked.name;
  const partitions = partitionIndexes.map((partition) => {
    if (offsets.isUnstable(name, partition)) return unstable(partition);
    const committed = offsets.get(groupId, name, partition);
    const isKnown = committed !== null && isOfTopic(committed, topic?.id ?? ZERO_UUID);
    if (isKnown) return answer(partition, committed);
    return answer(partition, null, apiVersion === 0 ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.NONE);
  });
  return { name, topicId: asked.topicId, partitions };
}

function topicOf(broker: Broker, asked: AskedTopic, apiVersion: number) {
  return apiVersion >= 10 ? broker.cluster.topicById(asked.topicId) : broker.cluster.topic(asked.name);
}

function isOfTopic(committed: CommittedOffset, topicId: string): boolean {
  return committed.topicId === ZERO_UUID || topicId === ZERO_UUID || committed.topicId === topicId;
}

function answer(partitionIndex: number, committed: CommittedOffset | null, errorCode: number = ErrorCode.NONE) {
  return {
    partitionIndex,
    committedOffset: committed?.offset ?? -1,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? "",
    errorCode,
  };
}

function unstable(partition: number) {
  return answer(partition, null, ErrorCode.UNSTABLE_OFFSET_COMMIT);
}

function withError(partitionIndexes: readonly number[], errorCode: number) {
  return partitionIndexes.map((partition) => answer(partition, null, errorCode));
}

/** Up to v7 a topic is its name and nothing else. */
function named(topic: { readonly name?: string }, partitions: TopicAnswer["partitions"]) {
  return { name: topic.name ?? "", partitions };
}
