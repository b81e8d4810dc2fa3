/** Share groups as coordinators and administrators know them: who is in one, and where it stands in partitions. */

import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { joinGroup } from "../../../protocol/api/11_join_group.ts";
import { heartbeat } from "../../../protocol/api/12_heartbeat.ts";
import { leaveGroup } from "../../../protocol/api/13_leave_group.ts";
import { describeGroups } from "../../../protocol/api/15_describe_groups.ts";
import { listGroups, type ListGroupsResponse } from "../../../protocol/api/16_list_groups.ts";
import { deleteGroups } from "../../../protocol/api/42_delete_groups.ts";
import { offsetDelete } from "../../../protocol/api/47_offset_delete.ts";
import { consumerGroupHeartbeat } from "../../../protocol/api/68_consumer_group_heartbeat.ts";
import { consumerGroupDescribe } from "../../../protocol/api/69_consumer_group_describe.ts";
import {
  shareGroupHeartbeat,
  type ShareGroupHeartbeatRequestDraft,
} from "../../../protocol/api/76_share_group_heartbeat.ts";
import { shareGroupDescribe, type ShareGroupDescribeResponse } from "../../../protocol/api/77_share_group_describe.ts";
import {
  describeShareGroupOffsets,
  type DescribeShareGroupOffsetsResponse,
} from "../../../protocol/api/90_describe_share_group_offsets.ts";
import {
  alterShareGroupOffsets,
  type AlterShareGroupOffsetsResponse,
} from "../../../protocol/api/91_alter_share_group_offsets.ts";
import {
  deleteShareGroupOffsets,
  type DeleteShareGroupOffsetsResponse,
} from "../../../protocol/api/92_delete_share_group_offsets.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { produceBytes } from "../../support/requests.ts";
import { batch } from "./batches.ts";
import { stableGroup } from "./member.ts";
import { configureGroup, counted, ShareMember, withSentence } from "./share_member.ts";
import type { Topic } from "./transactor.ts";

export async function shareGroupsAnswers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("shared", { partitionCount: 4 });
  await refusing(dialogue, topic);
  const [first, second] = await sharing(dialogue, topic);
  await claiming(first, topic);
  await othersAsk(dialogue, first, topic);
  await describing(dialogue, first);
  await offsets(dialogue, topic);
  await leaving(dialogue, first, second);
}

/** What no group is asked for. */
async function refusing(dialogue: Dialogue, { name }: Topic): Promise<void> {
  const groupId = await dialogue.group("q-refused");
  const joining = { groupId, memberId: "a", memberEpoch: 0, subscribedTopicNames: [name] };
  const wrong: Record<string, Partial<ShareGroupHeartbeatRequestDraft>> = {
    "no group id": { groupId: "" },
    "a blank group id": { groupId: " " },
    "no member id": { memberId: "" },
    "a blank member id": { memberId: " " },
    "a member id of 37 characters": { memberId: "m".repeat(37) },
    "an empty rack": { rackId: "" },
    "a blank rack": { rackId: " " },
    "topics unsaid": { subscribedTopicNames: null },
    "no topics": { subscribedTopicNames: [] },
    "epoch -2": { memberEpoch: -2, subscribedTopicNames: null },
    "epoch 1 of no group": { memberEpoch: 1, subscribedTopicNames: null },
    "epoch -1 of no group": { memberEpoch: -1, subscribedTopicNames: null },
  };
  for (const [label, said] of Object.entries(wrong)) {
    await dialogue.ask(`refused: ${label}`, shareGroupHeartbeat, 1, { ...joining, ...said }, withSentence);
  }
  await describe(dialogue, "refused: there is still no group", [groupId]);
}

async function sharing(dialogue: Dialogue, { name }: Topic): Promise<[ShareMember, ShareMember]> {
  const groupId = await dialogue.group("q-shared");
  await configureGroup(dialogue, groupId, { "share.auto.offset.reset": "earliest" });
  const first = await ShareMember.connect(dialogue, groupId, "a");
  const second = await ShareMember.connect(dialogue, groupId, "b");
  await first.ask("shared: the first joins", { subscribedTopicNames: [name], rackId: "r1" });
  await first.comesTo(3, 4);
  await first.ask("shared: the first has nothing to say");
  await first.ask("shared: the first says its topics again", { subscribedTopicNames: [name] });
  await first.ask("shared: the first joins again", { memberEpoch: 0, subscribedTopicNames: [name] });
  await describe(dialogue, "shared: described with one", [groupId]);
  await second.ask("shared: the second joins", { subscribedTopicNames: [name] });
  await first.ask("shared: the first gets its part");
  await first.ask("shared: the first is in another rack", { rackId: "r2" });
  await describe(dialogue, "shared: described with two", [groupId], true);
  return [first, second];
}

/** Who may say what. */
async function claiming(first: ShareMember, { name }: Topic): Promise<void> {
  const { dialogue, epoch, groupId } = first;
  await first.ask("claims: a greater epoch", { memberEpoch: 77 });
  await first.ask("claims: a smaller epoch", { memberEpoch: 1 });
  await first.ask("claims: the epoch before", { memberEpoch: epoch - 1 });
  await first.ask("claims: another member", { memberId: "nobody" });
  await first.ask("claims: another member leaves", { memberId: "nobody", memberEpoch: -1 });
  await first.ask("claims: a topic there is not", { subscribedTopicNames: [name, dialogue.named("never-heard-of")] });
  await first.ask("claims: no topic any more", { subscribedTopicNames: [] });
  await describe(dialogue, "claims: described without topics", [groupId]);
  await first.ask("claims: topics in another order", {
    subscribedTopicNames: [dialogue.named("never-heard-of"), name],
  });
  await first.ask("claims: the topic again", { subscribedTopicNames: [name] });
}

/** Requests of the other protocols. */
async function othersAsk(
  dialogue: Dialogue,
  { groupId, memberId, epoch }: ShareMember,
  { name }: Topic,
): Promise<void> {
  const protocols = [{ name: "range", metadata: new Uint8Array(0) }];
  const times = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000 };
  const join = { groupId, memberId: "", protocolType: "consumer", protocols, ...times };
  await dialogue.ask("others: a classic member joins", joinGroup, 5, join);
  await dialogue.ask("others: a classic member heartbeats", heartbeat, 3, { groupId, memberId, generationId: 1 });
  await dialogue.ask("others: a classic member leaves", leaveGroup, 3, { groupId, members: [{ memberId }] });
  const consumer = {
    groupId,
    memberId: "c",
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: [],
    topicPartitions: [],
  };
  for (const memberEpoch of [0, 1, -1]) {
    await dialogue.ask(`others: a consumer in epoch ${memberEpoch}`, consumerGroupHeartbeat, 1, {
      ...consumer,
      memberEpoch,
    }, { view: ({ errorMessage, ...rest }) => ({ ...rest, says: errorMessage }) });
  }
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }];
  for (const [who, member, generationIdOrMemberEpoch] of [["a member", memberId, epoch], ["nobody", "", -1]] as const) {
    await dialogue.ask(`others: offsets are committed by ${who}`, offsetCommit, 9, {
      groupId,
      memberId: member,
      generationIdOrMemberEpoch,
      topics: [{ name, partitions }],
    });
  }
  await dialogue.ask("others: committed offsets are read", offsetFetch, 9, {
    groups: [{ groupId, topics: [{ name, partitionIndexes: [0] }] }],
  });
  const place = [{ name, partitions: [{ partitionIndex: 0 }] }];
  await dialogue.ask("others: committed offsets are deleted", offsetDelete, 0, { groupId, topics: place });
  const asked = { includeAuthorizedOperations: false };
  await dialogue.ask("others: described as classic", describeGroups, 6, { groups: [groupId], ...asked });
  await dialogue.ask("others: described as consumers", consumerGroupDescribe, 1, { groupIds: [groupId], ...asked });

  const classic = await stableGroup(dialogue, "q-classic");
  const member = await ShareMember.connect(dialogue, classic.groupId, "m");
  await member.ask("others: a share member joins a classic group", { subscribedTopicNames: [name] });
  await member.ask("others: a share member of a classic group", { memberEpoch: 1 });
  await member.ask("others: a share member leaves a classic group", { memberEpoch: -1 });
  await describe(dialogue, "others: a classic group described as share", [classic.groupId]);
  await offsetsOf(dialogue, "others: offsets of a classic group", classic.groupId, null);
  await alter(dialogue, "others: offsets of a classic group are altered", classic.groupId, { [name]: { 0: 0 } });
  await forget(dialogue, "others: offsets of a classic group are deleted", classic.groupId, [name]);
}

async function describing(dialogue: Dialogue, { groupId }: ShareMember): Promise<void> {
  await describe(dialogue, "described: none", []);
  await describe(dialogue, "described: no name", [""]);
  await describe(dialogue, "described: with one there is not", [groupId, dialogue.named("q-missing")]);
  for (
    const [label, filter] of Object.entries({
      "all": {},
      "of its type": { typesFilter: ["share"] },
      "of its type in capitals": { typesFilter: ["SHARE"] },
      "of another type": { typesFilter: ["consumer"] },
      "stable": { statesFilter: ["Stable"], typesFilter: ["share"] },
      "empty": { statesFilter: ["empty"], typesFilter: ["share"] },
    })
  ) {
    await dialogue.ask(`listed: ${label}`, listGroups, 5, { statesFilter: [], typesFilter: [], ...filter }, {
      view: (answer: ListGroupsResponse) => ({
        ...answer,
        groups: answer.groups.filter(({ groupId }) => groupId.startsWith("q-shared")),
      }),
    });
  }
}

/** Where a group stands in partitions: asked, put elsewhere, forgotten. */
async function offsets(dialogue: Dialogue, { name: shared }: Topic): Promise<void> {
  const { name, topicId } = await dialogue.topic("stood", { partitionCount: 2 });
  const groupId = await dialogue.group("q-stood");
  await configureGroup(dialogue, groupId, { "share.auto.offset.reset": "earliest" });
  await produceBytes(await dialogue.main(), { topic: name, partition: 0 }, batch(6));
  const missing = dialogue.named("never-heard-of");

  await offsetsOf(dialogue, "offsets: of no group", groupId, null);
  await offsetsOf(dialogue, "offsets: of a partition of no group", groupId, { [name]: [0] });
  await forget(dialogue, "offsets: deleted of no group", groupId, [name]);
  await alter(dialogue, "offsets: altered of no group, nothing", groupId, {});
  await alter(dialogue, "offsets: altered of no group", groupId, { [name]: { 0: 2, 1: 0 } });
  await describe(dialogue, "offsets: that made a group", [groupId]);
  await offsetsOf(dialogue, "offsets: altered, all", groupId, null);
  // Of a partition that there is not Kafka says nothing at all, or an unknown error.
  const asked: Record<string, Readonly<Record<string, number[]>>> = {
    "some": { [name]: [1, 0] },
    "an unknown topic": { [name]: [0], [missing]: [0, 1] },
    "a topic of no name": { "a b": [0] },
    "a topic it never read": { [shared]: [0] },
    "no partitions": { [name]: [] },
  };
  for (const [label, topics] of Object.entries(asked)) {
    for (const version of [0, 1]) {
      await offsetsOf(dialogue, `offsets: of ${label}, v${version}`, groupId, topics, version);
    }
  }
  await offsetsOf(dialogue, "offsets: no topics", groupId, {});
  await offsetsOf(dialogue, "offsets: a group without a name", "", null);

  const member = await ShareMember.connect(dialogue, groupId, "reader");
  await member.ask("offsets: a member joins", { subscribedTopicNames: [name] });
  await member.getsPartitions(2);
  await alter(dialogue, "offsets: altered with members", groupId, { [name]: { 0: 0 } });
  await forget(dialogue, "offsets: deleted with members", groupId, [name]);
  await member.askFetch("offsets: it reads from where it was put", topicId, { 0: {} });
  await member.askAcknowledge("offsets: it accepts some", topicId, { 0: { "2-3": [1], "5-5": [1] } });
  await offsetsOf(dialogue, "offsets: with a gap", groupId, { [name]: [0, 1] });
  member.sessionEpoch = -1;
  await member.askAcknowledge("offsets: its session ends", topicId, { 0: { "4-4": [2] } });
  await member.ask("offsets: it leaves", { memberEpoch: -1 });
  member.client.close();

  const wrong: Record<string, Readonly<Record<string, Readonly<Record<number, number>>>>> = {
    "an unknown topic": { [missing]: { 0: 1 } },
    "an unknown partition": { [name]: { 0: 1, 9: 1 } },
    "a negative offset": { [name]: { 0: -5 } },
    "past the end": { [name]: { 0: 100 } },
    "a topic it never read": { [shared]: { 0: 1, 1: 0, 2: 0, 3: 0 } },
    "no partitions": { [name]: {} },
    "no topics": {},
  };
  for (const [label, topics] of Object.entries(wrong)) {
    await alter(dialogue, `offsets: altered: ${label}`, groupId, topics);
    await offsetsOf(dialogue, `offsets: after ${label}`, groupId, { [name]: [0, 1], [shared]: [0] });
  }
  await alter(dialogue, "offsets: altered of a group without a name", "", { [name]: { 0: 1 } });
  await forget(dialogue, "offsets: deleted of a group without a name", "", [name]);
  await forget(dialogue, "offsets: deleted: an unknown topic", groupId, [missing]);
  await forget(dialogue, "offsets: deleted: none", groupId, []);
  await forget(dialogue, "offsets: deleted", groupId, [name, missing]);
  await offsetsOf(dialogue, "offsets: after that", groupId, null);
  await forget(dialogue, "offsets: deleted again", groupId, [name]);
  await dialogue.ask("offsets: the group is deleted", deleteGroups, 2, { groupsNames: [groupId] });
  await offsetsOf(dialogue, "offsets: of the deleted group", groupId, { [shared]: [0] });
}

async function leaving(dialogue: Dialogue, first: ShareMember, second: ShareMember): Promise<void> {
  const { groupId } = first;
  await dialogue.ask("leaves: deleted with members", deleteGroups, 2, { groupsNames: [groupId] });
  await first.ask("leaves: the first", { memberEpoch: -1 });
  await first.ask("leaves: the first again", { memberEpoch: -1 });
  await first.ask("leaves: the first goes on", { memberEpoch: 4 });
  await second.ask("leaves: the second gets all");
  await second.ask("leaves: the second", { memberEpoch: -1 });
  await describe(dialogue, "leaves: nobody is left", [groupId]);
  await dialogue.ask("leaves: deleted", deleteGroups, 2, { groupsNames: [groupId] });
  await describe(dialogue, "leaves: described when deleted", [groupId]);
  await dialogue.ask("leaves: deleted again", deleteGroups, 2, { groupsNames: [groupId] });
}

// ---------------------------------------------------------------------------------------------- questions

async function describe(
  dialogue: Dialogue,
  label: string,
  groupIds: string[],
  includeAuthorizedOperations = false,
): Promise<void> {
  const view = ({ groups, ...rest }: ShareGroupDescribeResponse) => ({
    ...rest,
    groups: groups.map(({ errorMessage, members, ...group }) => ({
      ...group,
      says: errorMessage,
      members: members.map(({ assignment, ...member }) => ({
        ...member,
        assignment: counted(assignment.topicPartitions),
      })),
    })),
  });
  await dialogue.ask(label, shareGroupDescribe, 1, { groupIds, includeAuthorizedOperations }, { view });
}

/** Topics in order: Kafka has them as they come out of a map. */
async function offsetsOf(
  dialogue: Dialogue,
  label: string,
  groupId: string,
  partitions: Readonly<Record<string, number[]>> | null,
  version = 1,
): Promise<void> {
  const topics = partitions &&
    Object.entries(partitions).map(([topicName, partitions]) => ({ topicName, partitions }));
  await dialogue.ask(label, describeShareGroupOffsets, version, { groups: [{ groupId, topics }] }, {
    view: ({ groups, ...rest }: DescribeShareGroupOffsetsResponse) => ({
      ...rest,
      groups: groups.map(({ errorMessage, topics, ...group }) => ({
        ...group,
        says: errorMessage,
        topics: byName(topics).map(({ partitions, ...topic }) => ({
          ...topic,
          partitions: sayingPartitions(partitions),
        })),
      })),
    }),
  });
}

async function alter(
  dialogue: Dialogue,
  label: string,
  groupId: string,
  offsets: Readonly<Record<string, Readonly<Record<number, number>>>>,
): Promise<void> {
  const topics = Object.entries(offsets).map(([topicName, partitions]) => ({
    topicName,
    partitions: Object.entries(partitions).map(([index, startOffset]) => ({
      partitionIndex: Number(index),
      startOffset,
    })),
  }));
  await dialogue.ask(label, alterShareGroupOffsets, 0, { groupId, topics }, {
    view: ({ errorMessage, responses, ...rest }: AlterShareGroupOffsetsResponse) => ({
      ...rest,
      says: errorMessage,
      topics: byName(responses).map(({ partitions, ...topic }) => ({
        ...topic,
        partitions: sayingPartitions(partitions),
      })),
    }),
  });
}

async function forget(dialogue: Dialogue, label: string, groupId: string, names: readonly string[]): Promise<void> {
  const topics = names.map((topicName) => ({ topicName }));
  await dialogue.ask(label, deleteShareGroupOffsets, 0, { groupId, topics }, {
    view: ({ errorMessage, responses, ...rest }: DeleteShareGroupOffsetsResponse) => ({
      ...rest,
      says: errorMessage,
      topics: byName(responses).map(({ errorMessage, ...topic }) => ({ ...topic, says: errorMessage })),
    }),
  });
}

function byName<Item extends { readonly topicName: string }>(topics: readonly Item[]): Item[] {
  return topics.toSorted((one, other) => one.topicName < other.topicName ? -1 : 1);
}

function sayingPartitions<Item extends { readonly partitionIndex: number; readonly errorMessage: string | null }>(
  partitions: readonly Item[],
): object[] {
  return partitions.toSorted((one, other) => one.partitionIndex - other.partitionIndex)
    .map(({ errorMessage, ...partition }) => ({ ...partition, says: errorMessage }));
}
