/** Classic groups and those of the consumer protocol, their positions, and what is told of them. */

import { ErrorCode } from "../../../../protocol/errors.ts";
import { consumerGroupDescribe } from "../../../../protocol/api/69_consumer_group_describe.ts";
import { consumerGroupHeartbeat } from "../../../../protocol/api/68_consumer_group_heartbeat.ts";
import { deleteGroups } from "../../../../protocol/api/42_delete_groups.ts";
import { describeGroups } from "../../../../protocol/api/15_describe_groups.ts";
import { heartbeat } from "../../../../protocol/api/12_heartbeat.ts";
import { joinGroup } from "../../../../protocol/api/11_join_group.ts";
import { leaveGroup } from "../../../../protocol/api/13_leave_group.ts";
import { listGroups } from "../../../../protocol/api/16_list_groups.ts";
import { offsetCommit } from "../../../../protocol/api/08_offset_commit.ts";
import { offsetDelete } from "../../../../protocol/api/47_offset_delete.ts";
import { offsetFetch } from "../../../../protocol/api/09_offset_fetch.ts";
import { syncGroup } from "../../../../protocol/api/14_sync_group.ts";
import { utf8 } from "../../answers/batches.ts";
import { Consumer } from "../../answers/consumer.ts";
import { Member, stableGroup, twoProtocols } from "../../answers/member.ts";
import { type Base, base } from "../base.ts";
import type { Talk } from "../talk.ts";

const longMs = 60_000;

export const groupBases: readonly Base[] = [
  base(offsetCommit, "of a group without members", {
    draft: (_, talk) => ({ ...committing(talk), groupId: talk.named("g"), memberId: "" }),
    probe: (talk) => positions(talk, talk.named("g")),
  }),
  base(offsetCommit, "of a member", {
    versions: [1, 10],
    prepare: ({ dialogue }) => stableGroup(dialogue, "g"),
    draft: ({ groupId, memberId, generationId }, talk) => ({
      ...committing(talk),
      groupId,
      memberId,
      generationIdOrMemberEpoch: generationId,
    }),
    probe: (talk) => positions(talk, talk.named("g")),
  }),
  base(offsetCommit, "of a consumer", {
    versions: [9, 10],
    prepare: consuming,
    draft: ({ groupId, memberId, epoch }, talk) => ({
      ...committing(talk),
      groupId,
      memberId,
      generationIdOrMemberEpoch: epoch,
    }),
    probe: (talk) => positions(talk, talk.named("c")),
  }),
  base(offsetFetch, "some", { draft: (_, talk) => fetching(talk, talk.world.committed) }),
  base(offsetFetch, "all", {
    versions: [2, 10],
    draft: (_, { world }) => ({
      groupId: world.committed,
      topics: null,
      groups: [{ groupId: world.committed, topics: null }],
    }),
  }),
  base(offsetFetch, "a consumer's", {
    versions: [9, 10],
    draft: (_, { world: { modern, plain } }) => ({
      groupId: "",
      topics: [],
      groups: [{
        groupId: modern.groupId,
        memberId: modern.memberId,
        memberEpoch: modern.epoch,
        topics: [{ ...plain, partitionIndexes: [0, 7] }],
      }],
      requireStable: true,
    }),
  }),
  base(offsetDelete, "some", {
    prepare: async (talk) => {
      const client = await talk.dialogue.main();
      await client.send(offsetCommit, 9, { ...committing(talk), groupId: talk.named("g"), memberId: "" });
    },
    draft: (_, { world, named }) => ({
      groupId: named("g"),
      topics: [{ name: world.plain.name, partitions: [{ partitionIndex: 0 }] }],
    }),
    probe: (talk) => positions(talk, talk.named("g")),
  }),
  base(joinGroup, "a first member", {
    draft: (_, talk) => joining(talk.named("g")),
    probe: (talk) => toldOfJoined(talk, talk.named("g")),
  }),
  base(joinGroup, "a member that has its id", {
    versions: [4, 9],
    prepare: async (talk) => (await (await talk.dialogue.main()).send(joinGroup, 4, joining(talk.named("g")))).memberId,
    draft: (memberId, talk) => ({ ...joining(talk.named("g")), memberId }),
    probe: (talk) => toldOfJoined(talk, talk.named("g")),
  }),
  base(joinGroup, "a static member", {
    versions: [5, 9],
    draft: (_, talk) => ({ ...joining(talk.named("g")), groupInstanceId: "i", reason: "to see" }),
    probe: (talk) => toldOfJoined(talk, talk.named("g")),
  }),
  base(joinGroup, "the only member, again", {
    prepare: ({ dialogue }) => stableGroup(dialogue, "g"),
    draft: ({ groupId, memberId }) => ({ ...joining(groupId), memberId }),
    probe: (talk) => toldOfJoined(talk, talk.named("g")),
  }),
  base(syncGroup, "a leader", {
    prepare: async ({ dialogue }) => {
      const member = await Member.connect(dialogue, await dialogue.group("g"), { clientId: "leader" });
      await (await member.join()).answer;
      return member;
    },
    draft: ({ groupId, memberId, generationId }) => ({
      groupId,
      memberId,
      generationId,
      protocolType: "consumer",
      protocolName: "range",
      assignments: [{ memberId, assignment: utf8("all") }],
    }),
    probe: (talk) => told(talk, talk.named("g")),
  }),
  base(heartbeat, "of a member", {
    prepare: ({ dialogue }) => stableGroup(dialogue, "g"),
    draft: ({ groupId, memberId, generationId }) => ({ groupId, memberId, generationId }),
  }),
  base(heartbeat, "of a static member", {
    versions: [3, 4],
    prepare: ({ dialogue }) => stableGroup(dialogue, "g", { groupInstanceId: "i" }),
    draft: ({ groupId, memberId, generationId }) => ({ groupId, memberId, generationId, groupInstanceId: "i" }),
  }),
  base(leaveGroup, "a member", {
    prepare: ({ dialogue }) => stableGroup(dialogue, "g"),
    draft: ({ groupId, memberId }) => ({ groupId, memberId, members: [{ memberId }] }),
    probe: (talk) => told(talk, talk.named("g")),
  }),
  base(leaveGroup, "a static member", {
    versions: [3, 5],
    prepare: ({ dialogue }) => stableGroup(dialogue, "g", { groupInstanceId: "i" }),
    draft: ({ groupId, memberId }) => ({ groupId, memberId: "", members: [{ memberId, groupInstanceId: "i" }] }),
    probe: (talk) => told(talk, talk.named("g")),
  }),
  base(describeGroups, "several", {
    draft: (_, { world }) => ({ groups: [world.stable.groupId, world.committed, world.modern.groupId] }),
  }),
  base(listGroups, "all", { draft: () => ({}) }),
  base(deleteGroups, "one", {
    prepare: async (talk) => {
      const client = await talk.dialogue.main();
      await client.send(offsetCommit, 9, { ...committing(talk), groupId: talk.named("g"), memberId: "" });
    },
    draft: (_, talk) => ({ groupsNames: [talk.named("g"), talk.world.stable.groupId] }),
    probe: (talk) => told(talk, talk.named("g")),
  }),
  base(consumerGroupHeartbeat, "a first consumer", {
    draft: (_, { named, world }) => ({
      groupId: named("c"),
      memberId: "m",
      memberEpoch: 0,
      rebalanceTimeoutMs: longMs,
      subscribedTopicNames: [world.plain.name],
      topicPartitions: [],
    }),
    probe: (talk) => consumersTold(talk, talk.named("c")),
  }),
  base(consumerGroupHeartbeat, "a consumer that stays", {
    prepare: consuming,
    draft: ({ groupId, memberId, epoch, owned }) => ({
      groupId,
      memberId,
      memberEpoch: epoch,
      topicPartitions: owned,
    }),
    probe: (talk) => consumersTold(talk, talk.named("c")),
  }),
  base(consumerGroupHeartbeat, "a consumer that leaves", {
    prepare: consuming,
    draft: ({ groupId, memberId }) => ({ groupId, memberId, memberEpoch: -1 }),
    probe: (talk) => consumersTold(talk, talk.named("c")),
  }),
  base(consumerGroupDescribe, "several", {
    draft: (_, { world }) => ({
      groupIds: [world.modern.groupId, world.stable.groupId],
      includeAuthorizedOperations: false,
    }),
  }),
];

function committing({ world: { plain, cut } }: Talk) {
  const partitions = [
    { partitionIndex: 0, committedOffset: 7, committedMetadata: "note" },
    { partitionIndex: 2, committedOffset: 0, committedMetadata: null },
  ];
  return { topics: [{ ...plain, partitions }, { ...cut, partitions: partitions.slice(0, 1) }] };
}

function fetching({ world: { plain, cut } }: Talk, groupId: string) {
  const topics = [{ ...plain, partitionIndexes: [0, 1, 2] }, { ...cut, partitionIndexes: [0] }];
  return { groupId, topics, groups: [{ groupId, topics }] };
}

async function positions(talk: Talk, groupId: string): Promise<void> {
  await talk.ask("its positions", offsetFetch, 9, { topics: [], groupId: "", groups: [{ groupId, topics: null }] });
}

function joining(groupId: string) {
  return {
    groupId,
    sessionTimeoutMs: longMs,
    rebalanceTimeoutMs: longMs,
    memberId: "",
    protocolType: "consumer",
    protocols: twoProtocols,
  };
}

async function told(talk: Talk, groupId: string): Promise<void> {
  await talk.ask("the group", describeGroups, 6, { groups: [groupId] });
}

/**
 * Kafka tells a new member to come again, or that it cannot, before the group is in its log, and knows the group only from then
 * on. Who gives others no time to ask for their assignments is out a moment after it is told that it is in.
 */
async function toldOfJoined(talk: Talk, groupId: string): Promise<void> {
  const { errorCode, memberId } = talk.notes.at(-1)?.answer as {
    readonly errorCode?: unknown;
    readonly memberId?: unknown;
  };
  const isUnderWay = errorCode === "MEMBER_ID_REQUIRED" ||
    errorCode === "INCONSISTENT_GROUP_PROTOCOL" && memberId === "";
  const { rebalanceTimeoutMs = longMs } = talk.asked as { readonly rebalanceTimeoutMs?: number };
  await talk.ask("the group", describeGroups, 6, { groups: [groupId] }, ({ groups: [group] }) => {
    if (rebalanceTimeoutMs <= 1 && group?.groupState === "CompletingRebalance") return false;
    return !isUnderWay || group?.errorCode !== ErrorCode.GROUP_ID_NOT_FOUND;
  });
}

/** Expressions are matched beside: where there are topics that match, the group is to assign anew once they are found. */
async function consumersTold(talk: Talk, groupId: string): Promise<void> {
  const draft = { groupIds: [groupId], includeAuthorizedOperations: false };
  await talk.ask("the group", consumerGroupDescribe, 1, draft, ({ groups: [group] }) => {
    const isMatched = group?.members.some(({ subscribedTopicRegex }) => subscribedTopicRegex === "plain.*") ?? false;
    return !isMatched || group?.groupState === "Assigning";
  });
}

/** A consumer group of one that has all partitions of a topic. */
async function consuming({ dialogue, named, world }: Talk): Promise<Consumer> {
  const consumer = await Consumer.connect(dialogue, named("c"), "m", {
    subscribedTopicNames: [world.plain.name],
  });
  await consumer.comesTo("any", 3);
  return consumer;
}
