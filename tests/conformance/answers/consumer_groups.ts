/** Groups of the consumer protocol: ConsumerGroupHeartbeat and ConsumerGroupDescribe, and what other requests make of such a group. */

import { describeGroups } from "../../../protocol/api/15_describe_groups.ts";
import { heartbeat } from "../../../protocol/api/12_heartbeat.ts";
import { joinGroup } from "../../../protocol/api/11_join_group.ts";
import { leaveGroup } from "../../../protocol/api/13_leave_group.ts";
import { listGroups, type ListGroupsResponse } from "../../../protocol/api/16_list_groups.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { offsetDelete } from "../../../protocol/api/47_offset_delete.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { syncGroup } from "../../../protocol/api/14_sync_group.ts";
import { deleteGroups } from "../../../protocol/api/42_delete_groups.ts";
import {
  consumerGroupHeartbeat,
  type ConsumerGroupHeartbeatRequestDraft,
} from "../../../protocol/api/68_consumer_group_heartbeat.ts";
import {
  consumerGroupDescribe,
  type ConsumerGroupDescribeResponse,
} from "../../../protocol/api/69_consumer_group_describe.ts";
import { encodeSubscription } from "../../../protocol/embedded/consumer_protocol.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { Consumer, withSentence } from "./consumer.ts";
import { stableGroup } from "./member.ts";

interface TopicOfGroups {
  readonly name: string;
  readonly topicId: string;
}

export async function consumerGroupsAnswers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("subscribed", { partitionCount: 4 });
  await refusing(dialogue, topic);
  const [first, second] = await sharing(dialogue, topic);
  await claiming(first, topic);
  await offsets(dialogue, first, topic);
  await othersAsk(dialogue, first);
  await describing(dialogue, first);
  await leaving(dialogue, first, second);
  await staying(dialogue, topic);
  await moving(dialogue, topic);
}

/** What no group is asked for. */
async function refusing(dialogue: Dialogue, { name, topicId }: TopicOfGroups): Promise<void> {
  const groupId = await dialogue.group("c-refused");
  const joining: ConsumerGroupHeartbeatRequestDraft = {
    groupId,
    memberId: "a",
    memberEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: [name],
    topicPartitions: [],
  };
  const wrong: Record<string, Partial<ConsumerGroupHeartbeatRequestDraft>> = {
    "no group id": { groupId: "" },
    "a blank group id": { groupId: " " },
    "an empty instance id": { instanceId: "" },
    "an empty rack": { rackId: " " },
    "no rebalance timeout": { rebalanceTimeoutMs: -1 },
    "partitions of its own": { topicPartitions: [{ topicId, partitions: [0] }] },
    "partitions unsaid": { topicPartitions: null },
    "topics unsaid": { subscribedTopicNames: null },
    "an unknown assignor": { serverAssignor: "unheard of" },
    "epoch -2 without an instance": { memberEpoch: -2 },
    "epoch -3": { memberEpoch: -3 },
    "epoch 1 of no group": { memberEpoch: 1 },
    "epoch -1 of no group": { memberEpoch: -1 },
    "epoch -2 of no group": { memberEpoch: -2, instanceId: "i" },
  };
  for (const [label, said] of Object.entries(wrong)) {
    const draft = { ...joining, ...said };
    await dialogue.askEach(`refused: ${label}`, consumerGroupHeartbeat, [0, 1], () => draft, withSentence);
  }
  for (const regex of ["(", "[", "a{2,1}", "*", "(?<name"]) {
    const draft = { ...joining, subscribedTopicNames: null, subscribedTopicRegex: regex };
    await dialogue.ask(`refused: the expression ${regex}`, consumerGroupHeartbeat, 1, draft);
  }
  await dialogue.ask("refused: no member id", consumerGroupHeartbeat, 1, { ...joining, memberId: "" }, withSentence);
  await dialogue.ask("refused: there is still no group", consumerGroupDescribe, 1, {
    groupIds: [groupId],
    includeAuthorizedOperations: false,
  });
  const given = await dialogue.ask("no member id, as v0 may", consumerGroupHeartbeat, 0, { ...joining, memberId: "" }, {
    view: ({ memberId, ...rest }) => ({ ...rest, memberIdLength: memberId?.length }),
  });
  await dialogue.ask("leaving with the id given", consumerGroupHeartbeat, 0, {
    groupId,
    memberId: given?.memberId ?? "",
    memberEpoch: -1,
  }, { view: ({ memberId: _memberId, ...rest }) => rest });
}

/** A second member comes, and gets what the first gives up. */
async function sharing(dialogue: Dialogue, { name }: TopicOfGroups): Promise<[Consumer, Consumer]> {
  const groupId = await dialogue.group("c-shared");
  const said = { subscribedTopicNames: [name], serverAssignor: "range" };
  const first = await Consumer.connect(dialogue, groupId, "first", { ...said, rackId: "r1" });
  const second = await Consumer.connect(dialogue, groupId, "second", said);
  await first.ask("shared: the first joins");
  await first.ask("shared: the first says what it has");
  await first.ask("shared: the first has nothing to say", {}, 0);
  await second.ask("shared: the second joins");
  await first.ask("shared: the first is to give up");
  await second.ask("shared: the second waits");
  await describe(dialogue, "shared: described while the first gives up", groupId);
  await first.ask("shared: the first still has all", { topicPartitions: null });
  await first.ask("shared: the first has given up", { topicPartitions: first.owned });
  await second.ask("shared: the second gets the rest");
  await second.ask("shared: the second says so");
  await describe(dialogue, "shared: described when stable", groupId);
  await first.ask("shared: another subscription", { subscribedTopicNames: [name, dialogue.named("unheard-of")] });
  await first.ask("shared: no subscription", { subscribedTopicNames: [] });
  await first.ask("shared: subscribed again", { subscribedTopicNames: [name], topicPartitions: [] });
  await second.ask("shared: the second is to give up again");
  await second.ask("shared: the second has given up");
  await first.ask("shared: the first gets them");
  await first.ask("shared: an expression besides", { subscribedTopicRegex: "unheard.*" });
  await first.ask("shared: no expression", { subscribedTopicRegex: "" });
  await first.comesTo(first.epoch, 2);
  return [first, second];
}

/** Who says it is the first. */
async function claiming(first: Consumer, { topicId }: TopicOfGroups): Promise<void> {
  const { dialogue, epoch, owned } = first;
  const beat = (label: string, more: Partial<ConsumerGroupHeartbeatRequestDraft>) =>
    dialogue.askEach(`claimed: ${label}`, consumerGroupHeartbeat, [0, 1], () => first.draft(more), withSentence);
  await beat("by an unknown member", { memberId: "nobody" });
  await beat("in an epoch to come", { memberEpoch: epoch + 1 });
  await beat("in an epoch that was", { memberEpoch: epoch - 3 });
  await beat("in the epoch before, owning what it has", { memberEpoch: epoch - 1, topicPartitions: owned });
  await beat("in the epoch before, owning nothing", { memberEpoch: epoch - 1, topicPartitions: [] });
  await beat("in the epoch before, owning what it has not", {
    memberEpoch: epoch - 1,
    topicPartitions: [{ topicId, partitions: [0, 1, 2, 3] }],
  });
  await beat("by an unknown instance", { instanceId: "nobody" });
  await beat("leaving as somebody else", { memberId: "nobody", memberEpoch: -1 });
  await beat("leaving for now without an instance", { memberEpoch: -2 });
  await beat("as it is", {});
  await beat("saying all", { topicPartitions: owned, rebalanceTimeoutMs: 30_000, subscribedTopicNames: [] });
  await first.ask("claimed: joining again", { memberEpoch: 0 });
}

async function offsets(dialogue: Dialogue, member: Consumer, topic: TopicOfGroups): Promise<void> {
  const { groupId, memberId, epoch } = member;
  const commit = (
    label: string,
    more: { readonly memberId?: string; readonly epoch?: number; readonly instance?: string },
  ) =>
    dialogue.askEach(`commit: ${label}`, offsetCommit, [2, 10], (version) => ({
      groupId,
      memberId: more.memberId ?? memberId,
      generationIdOrMemberEpoch: more.epoch ?? epoch,
      groupInstanceId: version >= 7 ? more.instance ?? null : null,
      topics: [{
        name: topic.name,
        topicId: topic.topicId,
        partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: null }],
      }],
    }));
  await commit("by a member", {});
  await commit("by an unknown member", { memberId: "nobody" });
  await commit("by nobody", { memberId: "", epoch: -1 });
  await commit("in an epoch to come", { epoch: epoch + 1 });
  await commit("in an epoch that was", { epoch: epoch - 1 });
  await commit("long ago", { epoch: 0 });
  await commit("without an epoch", { epoch: -1 });

  const fetchOf = (label: string, more: { readonly memberId?: string | null; readonly memberEpoch?: number }) =>
    dialogue.askEach(`fetch: ${label}`, offsetFetch, [8, 10], () => ({
      groups: [{
        groupId,
        ...more,
        topics: [{ name: topic.name, topicId: topic.topicId, partitionIndexes: [0, 1] }],
      }],
      requireStable: false,
    }));
  await fetchOf("by nobody", {});
  await dialogue.askEach("fetch: by a member", offsetFetch, [9, 10], () => ({
    groups: [{
      groupId,
      memberId,
      memberEpoch: epoch,
      topics: [{ name: topic.name, topicId: topic.topicId, partitionIndexes: [0] }],
    }],
    requireStable: true,
  }));
  const readers = { "an unknown member": ["nobody", epoch], "an epoch to come": [memberId, epoch + 1] } as const;
  const others = { "an epoch that was": [memberId, epoch - 1], "no epoch": [memberId, -1] } as const;
  for (const [label, [reader, memberEpoch]] of Object.entries({ ...readers, ...others })) {
    await dialogue.askEach(`fetch: by ${label}`, offsetFetch, [9, 10], () => ({
      groups: [{ groupId, memberId: reader, memberEpoch, topics: null }],
      requireStable: false,
    }));
  }
  await dialogue.ask("delete: offsets of a subscribed topic", offsetDelete, 0, {
    groupId,
    topics: [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }],
  });
  await dialogue.ask("delete: a group with members", deleteGroups, 2, { groupsNames: [groupId] });
}

/** Requests of the classic protocol to such a group. */
async function othersAsk(dialogue: Dialogue, { groupId, memberId, epoch }: Consumer): Promise<void> {
  const as = { groupId, memberId, generationId: epoch };
  await dialogue.askEach("classic: Heartbeat of a member", heartbeat, [0, 4], () => as);
  await dialogue.askEach("classic: SyncGroup of a member", syncGroup, [0, 5], (version) => ({
    ...as,
    ...(version >= 5 && { protocolType: "consumer", protocolName: "range" }),
    assignments: [],
  }));
  const join = {
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: "nobody",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: Uint8Array.of(1) }],
  };
  await dialogue.ask("classic: JoinGroup with another protocol type", joinGroup, 9, {
    ...join,
    protocolType: "connect",
  });
  await dialogue.ask("classic: LeaveGroup of an unknown member", leaveGroup, 5, {
    groupId,
    members: [{ memberId: "nobody" }, { memberId: "", groupInstanceId: "nobody" }],
  });
  await dialogue.askEach("classic: DescribeGroups", describeGroups, [0, 6], () => ({ groups: [groupId] }));
}

async function describing(dialogue: Dialogue, { groupId }: Consumer): Promise<void> {
  const nobody = await dialogue.group("c-nobody");
  const classic = await stableGroup(dialogue, "c-classic");
  const simple = await dialogue.group("c-simple");
  await describe(dialogue, "described: by name", groupId);
  await describe(dialogue, "described: an unknown group", nobody);
  await describe(dialogue, "described: the empty group", "");
  await describe(dialogue, "described: a classic group", classic.groupId);
  await describe(dialogue, "described: several", groupId, nobody, simple);
  await dialogue.askEach("described: operations", consumerGroupDescribe, [0, 1], () => ({
    groupIds: [groupId, nobody],
    includeAuthorizedOperations: true,
  }), describedView);
  await dialogue.ask("heartbeat of a classic group", consumerGroupHeartbeat, 1, {
    groupId: classic.groupId,
    memberId: classic.memberId,
    memberEpoch: 1,
  }, withSentence);
  const own = {
    view: ({ groups, ...rest }: ListGroupsResponse) => ({
      ...rest,
      groups: groups.filter((group) => [groupId, classic.groupId].includes(group.groupId)),
    }),
  };
  await dialogue.askEach("listed", listGroups, [0, 5], () => ({}), own);
  for (const typesFilter of [["consumer"], ["Consumer"], ["classic"]]) {
    await dialogue.ask(`listed: ${typesFilter[0]}`, listGroups, 5, { typesFilter }, own);
  }
  for (const statesFilter of [["stable"], ["Reconciling"], ["assigning"], ["Empty"]]) {
    await dialogue.ask(`listed: ${statesFilter[0]}`, listGroups, 5, { statesFilter }, own);
  }
}

async function leaving(dialogue: Dialogue, first: Consumer, second: Consumer): Promise<void> {
  await second.ask("left: by the second", { memberEpoch: -1, topicPartitions: null });
  await first.ask("left: the first gets all");
  await first.ask("left: the first says so");
  await dialogue.ask("left: by LeaveGroup", leaveGroup, 5, {
    groupId: first.groupId,
    members: [{ memberId: first.memberId }],
  });
  await describe(dialogue, "left: described", first.groupId);
  await dialogue.ask("left: the first is gone", consumerGroupHeartbeat, 1, first.draft(), withSentence);
  await dialogue.ask("left: listed", listGroups, 5, { typesFilter: ["consumer"], statesFilter: ["empty"] }, {
    view: ({ groups }) => groups.filter(({ groupId }) => groupId === first.groupId),
  });
  await dialogue.ask("left: deleted", deleteGroups, 2, { groupsNames: [first.groupId] });
  await describe(dialogue, "left: described when deleted", first.groupId);
}

/** Static members go for a while, and come back as others. */
async function staying(dialogue: Dialogue, { name }: TopicOfGroups): Promise<void> {
  const groupId = await dialogue.group("c-static");
  const said = { subscribedTopicNames: [name], instanceId: "i1" };
  const first = await Consumer.connect(dialogue, groupId, "first", said);
  const second = await Consumer.connect(dialogue, groupId, "second", said);
  await first.ask("static: joins");
  await first.ask("static: says what it has");
  await second.ask("static: another of the same instance");
  await dialogue.ask(
    "static: left by another",
    consumerGroupHeartbeat,
    1,
    second.draft({ memberEpoch: -2 }),
    withSentence,
  );
  await dialogue.ask("static: fenced", consumerGroupHeartbeat, 1, second.draft({ memberEpoch: 2 }), withSentence);
  await first.ask("static: leaves for now", { memberEpoch: -2, topicPartitions: null });
  await describe(dialogue, "static: described meanwhile", groupId);
  await dialogue.ask(
    "static: who has left beats",
    consumerGroupHeartbeat,
    1,
    first.draft({ memberEpoch: 2 }),
    withSentence,
  );
  await second.ask("static: comes back as another");
  await describe(dialogue, "static: described when back", groupId);
  await dialogue.ask(
    "static: the former self",
    consumerGroupHeartbeat,
    1,
    first.draft({ memberEpoch: 2 }),
    withSentence,
  );
  await dialogue.ask("static: removed by LeaveGroup", leaveGroup, 5, {
    groupId,
    members: [{ memberId: "", groupInstanceId: "i1" }],
  });
  await describe(dialogue, "static: described when removed", groupId);
}

/** From the classic protocol to this one and back, a member at a time. */
async function moving(dialogue: Dialogue, { name }: TopicOfGroups): Promise<void> {
  const metadata = encodeSubscription({ topics: [name] });
  const classic = await stableGroup(dialogue, "c-moved", { protocols: [{ name: "range", metadata }] });
  const { groupId, client, memberId } = classic;
  const custom = await Consumer.connect(dialogue, groupId, "new", { subscribedTopicNames: [name] });
  await dialogue.ask(
    "moved: an assignment that cannot be read",
    consumerGroupHeartbeat,
    1,
    custom.draft(),
    withSentence,
  );
  await dialogue.ask("moved: the group is as it was", describeGroups, 6, { groups: [groupId] }, {
    view: ({ groups }) =>
      groups.map(({ errorCode, groupState, members }) => ({ errorCode, groupState, count: members.length })),
  });
  await client.send(leaveGroup, 3, { groupId, members: [{ memberId }] });
  await custom.ask("moved: into an empty classic group");
  await custom.ask("moved: out again", { memberEpoch: -1, topicPartitions: null });
  const back = await stableGroup(dialogue, "c-moved", { protocols: [{ name: "range", metadata }] });
  await dialogue.ask("moved: an empty group becomes classic", describeGroups, 6, { groups: [back.groupId] }, {
    view: ({ groups }) =>
      groups.map(({ errorCode, groupState, protocolType }) => ({ errorCode, groupState, protocolType })),
  });
  await describe(dialogue, "moved: described as what it was", groupId);
}

const describedView = {
  view: ({ groups }: ConsumerGroupDescribeResponse) => ({
    groups: groups.map(({ errorMessage, ...rest }) => ({ ...rest, says: errorMessage })),
  }),
};

async function describe(dialogue: Dialogue, label: string, ...groupIds: readonly string[]): Promise<void> {
  const draft = { groupIds: [...groupIds], includeAuthorizedOperations: false };
  await dialogue.askEach(label, consumerGroupDescribe, [0, 1], () => draft, describedView);
}
