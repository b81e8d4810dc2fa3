/** Share groups: members, records that are acquired and acknowledged, positions, and what the coordinator keeps. */

import { alterShareGroupOffsets } from "../../../../protocol/api/91_alter_share_group_offsets.ts";
import { deleteShareGroupOffsets } from "../../../../protocol/api/92_delete_share_group_offsets.ts";
import { deleteShareGroupState } from "../../../../protocol/api/86_delete_share_group_state.ts";
import { describeConfigs } from "../../../../protocol/api/32_describe_configs.ts";
import { describeShareGroupOffsets } from "../../../../protocol/api/90_describe_share_group_offsets.ts";
import { incrementalAlterConfigs } from "../../../../protocol/api/44_incremental_alter_configs.ts";
import { initializeShareGroupState } from "../../../../protocol/api/83_initialize_share_group_state.ts";
import { readShareGroupState } from "../../../../protocol/api/84_read_share_group_state.ts";
import { readShareGroupStateSummary } from "../../../../protocol/api/87_read_share_group_state_summary.ts";
import { shareAcknowledge } from "../../../../protocol/api/79_share_acknowledge.ts";
import { shareFetch } from "../../../../protocol/api/78_share_fetch.ts";
import { shareGroupDescribe } from "../../../../protocol/api/77_share_group_describe.ts";
import { shareGroupHeartbeat } from "../../../../protocol/api/76_share_group_heartbeat.ts";
import { writeShareGroupState } from "../../../../protocol/api/85_write_share_group_state.ts";
import { until } from "../../../support/broker.ts";
import { ShareMember } from "../../answers/share_member.ts";
import { type Base, base } from "../base.ts";
import type { Talk } from "../talk.ts";

const GROUP = 32;
const memberId = "AAAAAAAAAAAAAAAAAAAAeA";

export const shareGroupBases: readonly Base[] = [
  base(shareGroupHeartbeat, "a first member", {
    draft: (_, { named, world }) => ({
      groupId: named("s"),
      memberId,
      memberEpoch: 0,
      subscribedTopicNames: [world.plain.name],
    }),
    probe: (talk) => told(talk, talk.named("s")),
  }),
  base(shareGroupHeartbeat, "a member that stays", {
    prepare: sharing,
    draft: ({ groupId, epoch }) => ({ groupId, memberId, memberEpoch: epoch }),
    probe: (talk) => told(talk, talk.named("s")),
  }),
  base(shareGroupDescribe, "of two kinds", {
    draft: (_, { world, named }) => ({
      groupIds: [world.stable.groupId, named("s")],
      includeAuthorizedOperations: false,
    }),
  }),
  base(shareFetch, "a new session", {
    prepare: sharing,
    // The first of a group may take a while.
    draft: ({ groupId }, { world }) => ({ ...acquiring(groupId, 0, world.plain.topicId), maxWaitMs: 2_000 }),
  }),
  base(shareFetch, "a session that goes on, and acknowledges", {
    prepare: acquired,
    draft: ({ groupId, sessionEpoch }, { world }) => ({
      ...acquiring(groupId, sessionEpoch, world.plain.topicId),
      topics: acknowledging(world.plain.topicId),
    }),
  }),
  base(shareAcknowledge, "some", {
    prepare: acquired,
    draft: ({ groupId, sessionEpoch }, { world }) => ({
      groupId,
      memberId,
      shareSessionEpoch: sessionEpoch,
      topics: acknowledging(world.plain.topicId),
    }),
  }),
  base(describeShareGroupOffsets, "of a topic", {
    prepare: sharing,
    draft: ({ groupId }, { world }) => ({
      groups: [{ groupId, topics: [{ topicName: world.plain.name, partitions: [0, 1] }] }],
    }),
  }),
  base(alterShareGroupOffsets, "of a group without members", {
    prepare: left,
    draft: ({ groupId }, { world }) => ({
      groupId,
      topics: [{ topicName: world.plain.name, partitions: [{ partitionIndex: 0, startOffset: 3 }] }],
    }),
    probe: (talk) => positions(talk, talk.named("s")),
  }),
  base(deleteShareGroupOffsets, "of a group without members", {
    prepare: left,
    draft: ({ groupId }, { world }) => ({ groupId, topics: [{ topicName: world.plain.name }] }),
    probe: (talk) => positions(talk, talk.named("s")),
  }),
  base(initializeShareGroupState, "a partition", {
    draft: (_, { named, world }) => ({
      groupId: named("k"),
      topics: [{ topicId: world.plain.topicId, partitions: [{ partition: 0, stateEpoch: 1, startOffset: 2 }] }],
    }),
    probe: kept,
  }),
  base(readShareGroupState, "a partition", {
    prepare: keeping,
    draft: (_, { named, world }) => ({
      groupId: named("k"),
      topics: [{ topicId: world.plain.topicId, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    }),
  }),
  base(writeShareGroupState, "a partition", {
    prepare: keeping,
    draft: (_, { named, world }) => ({
      groupId: named("k"),
      topics: [{
        topicId: world.plain.topicId,
        partitions: [{
          partition: 0,
          stateEpoch: 1,
          leaderEpoch: 0,
          startOffset: 3,
          deliveryCompleteCount: 0,
          stateBatches: [{ firstOffset: 3, lastOffset: 5, deliveryState: 0, deliveryCount: 1 }],
        }],
      }],
    }),
    probe: kept,
  }),
  base(deleteShareGroupState, "a partition", {
    prepare: keeping,
    draft: (_, { named, world }) => ({
      groupId: named("k"),
      topics: [{ topicId: world.plain.topicId, partitions: [{ partition: 0 }] }],
    }),
    probe: kept,
  }),
  base(readShareGroupStateSummary, "a partition", {
    prepare: keeping,
    draft: (_, { named, world }) => ({
      groupId: named("k"),
      topics: [{ topicId: world.plain.topicId, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    }),
  }),
];

function acquiring(groupId: string, shareSessionEpoch: number, topicId: string) {
  return {
    groupId,
    memberId,
    shareSessionEpoch,
    maxWaitMs: 200,
    minBytes: 1,
    maxBytes: 1_000_000,
    maxRecords: 500,
    batchSize: 500,
    topics: [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }],
    forgottenTopicsData: [],
  };
}

function acknowledging(topicId: string) {
  const acknowledgementBatches = [{ firstOffset: 0, lastOffset: 3, acknowledgeTypes: [1] }];
  return [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches }] }];
}

/** A group of one, which starts at the earliest offsets and has all partitions of a topic. */
async function sharing(talk: Talk): Promise<ShareMember> {
  const { dialogue, named, world } = talk;
  const client = await dialogue.main();
  await client.send(incrementalAlterConfigs, 1, {
    resources: [{
      resourceType: GROUP,
      resourceName: named("s"),
      configs: [{ name: "share.auto.offset.reset", configOperation: 0, value: "earliest" }],
    }],
    validateOnly: false,
  });
  // In Kafka a broker comes to know of it later, and a group that begins before that begins at the end.
  const draft = {
    resources: [{ resourceType: GROUP, resourceName: named("s"), configurationKeys: ["share.auto.offset.reset"] }],
  };
  await until(
    async () => (await client.send(describeConfigs, 4, draft)).results[0]?.configs[0]?.value === "earliest",
    { what: "The group's config" },
  );
  const member = ShareMember.on(dialogue, client, named("s"), memberId);
  await member.heartbeat({ subscribedTopicNames: [world.plain.name] });
  await member.getsPartitions(3);
  return member;
}

/** Has fetched the first records of a partition. */
async function acquired(talk: Talk): Promise<ShareMember> {
  const member = await sharing(talk);
  const { topicId } = talk.world.plain;
  await until(async () => (await member.fetch(topicId, 0)).length > 0, { what: "The first records" });
  return member;
}

async function left(talk: Talk): Promise<ShareMember> {
  const member = await sharing(talk);
  await member.heartbeat({ memberEpoch: -1 });
  return member;
}

/** The coordinator's state of a partition, without a group. */
async function keeping({ dialogue, named, world }: Talk): Promise<void> {
  await (await dialogue.main()).send(initializeShareGroupState, 0, {
    groupId: named("k"),
    topics: [{ topicId: world.plain.topicId, partitions: [{ partition: 0, stateEpoch: 1, startOffset: 2 }] }],
  });
}

async function kept(talk: Talk): Promise<void> {
  await talk.ask("what is kept", readShareGroupState, 0, {
    groupId: talk.named("k"),
    topics: [{ topicId: talk.world.plain.topicId, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
  });
}

async function positions(talk: Talk, groupId: string): Promise<void> {
  await talk.ask("its positions", describeShareGroupOffsets, 1, { groups: [{ groupId, topics: null }] });
}

async function told(talk: Talk, groupId: string): Promise<void> {
  await talk.ask("the group", shareGroupDescribe, 1, { groupIds: [groupId], includeAuthorizedOperations: false });
}
