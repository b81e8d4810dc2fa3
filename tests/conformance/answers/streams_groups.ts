/** Groups of the streams protocol: StreamsGroupHeartbeat and StreamsGroupDescribe, and what other requests make of such a group. */

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
import { consumerGroupHeartbeat } from "../../../protocol/api/68_consumer_group_heartbeat.ts";
import { consumerGroupDescribe } from "../../../protocol/api/69_consumer_group_describe.ts";
import { shareGroupDescribe } from "../../../protocol/api/77_share_group_describe.ts";
import {
  streamsGroupHeartbeat,
  type StreamsGroupHeartbeatRequestDraft,
} from "../../../protocol/api/88_streams_group_heartbeat.ts";
import {
  streamsGroupDescribe,
  type StreamsGroupDescribeResponse,
} from "../../../protocol/api/89_streams_group_describe.ts";
import { streamsGroupTopologyDescriptionUpdate } from "../../../protocol/api/93_streams_group_topology_description_update.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { stableGroup } from "./member.ts";
import { ShareMember } from "./share_member.ts";
import { StreamsMember, subtopology, topicInfo, type TopologyDraft, withSentence } from "./streams_member.ts";

export async function streamsGroupsAnswers(dialogue: Dialogue): Promise<void> {
  const { name } = await dialogue.topic("lines", { partitionCount: 4 });
  const counts = await dialogue.topic("counts-changelog", { partitionCount: 4 });
  const topology: TopologyDraft = {
    epoch: 0,
    subtopologies: [subtopology("0", { sourceTopics: [name], stateChangelogTopics: [topicInfo(counts.name)] })],
  };
  await refusing(dialogue, topology);
  await unready(dialogue, name);
  const [first, second] = await sharing(dialogue, topology);
  await claiming(first, topology);
  await offsets(dialogue, first, name);
  await othersAsk(dialogue, first, topology);
  await describing(dialogue, first);
  await leaving(dialogue, first, second);
  await staying(dialogue, topology);
}

/** What no group is asked for. */
async function refusing(dialogue: Dialogue, topology: TopologyDraft): Promise<void> {
  const groupId = await dialogue.group("s-refused");
  const tasks = [{ subtopologyId: "0", partitions: [0] }];
  const joining: StreamsGroupHeartbeatRequestDraft = {
    groupId,
    memberId: "a",
    memberEpoch: 0,
    endpointInformationEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    processId: "p",
    topology,
    activeTasks: [],
    standbyTasks: [],
    warmupTasks: [],
  };
  const [only] = topology.subtopologies;
  const other = (parts: Parameters<typeof subtopology>[1], epoch = 0) => ({
    topology: { epoch, subtopologies: [{ ...only!, ...parts }] },
  });
  const wrong: Record<string, Partial<StreamsGroupHeartbeatRequestDraft>> = {
    "no group id": { groupId: "" },
    "no member id": { memberId: "" },
    "a blank member id": { memberId: " " },
    "an empty instance id": { instanceId: "" },
    "an empty rack": { rackId: " " },
    "no rebalance timeout": { rebalanceTimeoutMs: -1 },
    "active tasks of its own": { activeTasks: tasks },
    "standby tasks of its own": { standbyTasks: tasks },
    "warm-up tasks of its own": { warmupTasks: tasks },
    "some tasks unsaid": { standbyTasks: null },
    "no topology": { topology: null },
    "epoch -2 without an instance": { memberEpoch: -2, topology: null },
    "epoch -2 with a topology": { memberEpoch: -2, instanceId: "i" },
    "epoch -3": { memberEpoch: -3, topology: null },
    "epoch 1 of no group": { memberEpoch: 1, topology: null },
    "epoch 1 with a topology": { memberEpoch: 1 },
    "epoch -1 of no group": { memberEpoch: -1, topology: null },
    "epoch -2 of no group": { memberEpoch: -2, instanceId: "i", topology: null },
    "a regular expression": other({ sourceTopicRegex: ["l.*"] }),
    "an internal topic": other({ sourceTopics: ["__consumer_offsets"] }),
    "a topic of no name": other({ sourceTopics: ["a b"] }),
    "a changelog of a size": other({ stateChangelogTopics: [topicInfo("c", 3)] }),
    "no sources": other({ sourceTopics: [] }),
    "a repartition topic that nobody writes": other({ repartitionSourceTopics: [topicInfo("r")] }),
    "a loop of repartition topics": other({
      sourceTopics: [],
      repartitionSourceTopics: [topicInfo("r")],
      repartitionSinkTopics: ["r"],
    }),
  };
  for (const [label, said] of Object.entries(wrong)) {
    const draft = { ...joining, ...said };
    await dialogue.askEach(`refused: ${label}`, streamsGroupHeartbeat, [0, 1], () => draft, withSentence);
  }
  await describe(dialogue, "refused: there is still no group", groupId);
  await dialogue.ask("a description of the topology", streamsGroupTopologyDescriptionUpdate, 0, {
    groupId,
    memberId: "a",
    topologyEpoch: 0,
    topologyDescription: { subtopologies: [], globalStores: [] },
  }, { view: (answer) => answer });
}

/** Topics are missing, are made, or do not fit. */
async function unready(dialogue: Dialogue, source: string): Promise<void> {
  const named = (name: string) => dialogue.named(name);
  const missing: TopologyDraft = {
    epoch: 3,
    subtopologies: [
      subtopology("0", { sourceTopics: [named("unheard-of"), source, named("nor-of-this")] }),
    ],
  };
  const waiter = await StreamsMember.connect(dialogue, await dialogue.group("s-missing"), "waiter", missing);
  await waiter.ask("not ready: sources are missing");
  await waiter.ask("not ready: they still are", {}, 0);
  await describe(dialogue, "not ready: described", waiter.groupId);
  await dialogue.topic("unheard-of", { partitionCount: 2 });
  await dialogue.topic("nor-of-this", { partitionCount: 1 });
  await waiter.getsTasks(4);
  await describe(dialogue, "ready: described", waiter.groupId, 1, { isWithoutEpochs: true });

  const unlike: TopologyDraft = {
    epoch: 0,
    subtopologies: [
      subtopology("0", {
        sourceTopics: [source, named("unheard-of")],
        copartitionGroups: [{ sourceTopics: [0, 1], sourceTopicRegex: [], repartitionSourceTopics: [] }],
      }),
    ],
  };
  const joiner = await StreamsMember.connect(dialogue, await dialogue.group("s-unlike"), "joiner", unlike);
  await joiner.ask("not ready: topics are not partitioned alike");

  const internal: TopologyDraft = {
    epoch: 0,
    subtopologies: [
      subtopology("0", { sourceTopics: [source], repartitionSinkTopics: [named("words-repartition")] }),
      subtopology("1", {
        repartitionSourceTopics: [topicInfo(named("words-repartition"))],
        stateChangelogTopics: [topicInfo(named("words-changelog"))],
      }),
    ],
  };
  const counter = await StreamsMember.connect(dialogue, await dialogue.group("s-internal"), "counter", internal);
  await counter.ask("not ready: internal topics are missing");
  await counter.getsTasks(8);
  await describe(dialogue, "ready: described with internal topics", counter.groupId, 1, { isWithoutEpochs: true });
}

/** A second member comes, and gets what the first gives up. */
async function sharing(dialogue: Dialogue, topology: TopologyDraft): Promise<[StreamsMember, StreamsMember]> {
  const groupId = await dialogue.group("s-shared");
  const endpoint = { userEndpoint: { host: "host", port: 7777 } };
  const first = await StreamsMember.connect(dialogue, groupId, "first", topology, { ...endpoint, rackId: "r1" });
  const second = await StreamsMember.connect(dialogue, groupId, "second", topology, {
    clientTags: [{ key: "zone", value: "z1" }],
  });
  await first.ask("shared: the first joins");
  await first.ask("shared: the first says what it has");
  await first.ask("shared: the first has nothing to say", {}, 0);
  await second.ask("shared: the second joins");
  await first.ask("shared: the first is to give up");
  await second.ask("shared: the second waits");
  await describe(dialogue, "shared: described while the first gives up", groupId);
  await first.ask("shared: the first does not say", { activeTasks: null, standbyTasks: null, warmupTasks: null });
  await first.ask("shared: the first has given up", first.owned);
  await second.ask("shared: the second gets the rest");
  await second.ask("shared: the second says so");
  await describe(dialogue, "shared: described when stable", groupId);
  await first.ask("shared: with offsets", {
    taskOffsets: [{ subtopologyId: "0", partition: 1, offset: 11 }],
    taskEndOffsets: [{ subtopologyId: "0", partition: 1, offset: 12 }],
  });
  const twice = { subtopologyId: "0", partition: 1, offset: 1 };
  await first.ask("shared: with offsets of a task twice", { taskOffsets: [twice, twice] });
  await describe(dialogue, "shared: described with offsets", groupId);
  await second.ask("shared: another endpoint", { userEndpoint: { host: "other", port: 8888 } });
  await first.ask("shared: hears of the endpoint");
  await second.ask("shared: hears of it too");
  await second.ask("shared: other tags", { clientTags: [] });
  await first.ask("shared: goes on with the epoch");
  await first.ask("shared: is there");
  return [first, second];
}

/** Who may say what. */
async function claiming(first: StreamsMember, topology: TopologyDraft): Promise<void> {
  const tasks = (...partitions: number[]) => ({
    activeTasks: [{ subtopologyId: "0", partitions }],
    standbyTasks: [],
    warmupTasks: [],
  });
  const plain = { activeTasks: null, standbyTasks: null, warmupTasks: null };
  await first.ask("claims: a greater epoch", { ...plain, memberEpoch: 77 });
  await first.ask("claims: a smaller epoch", { ...plain, memberEpoch: 1 });
  await first.ask("claims: another member", { ...plain, memberId: "nobody" });
  await first.ask("claims: an instance there is not", { ...plain, instanceId: "nobody" });
  await first.ask("claims: a task there is not", tasks(9));
  await first.ask("claims: a subtopology there is not", {
    ...tasks(),
    activeTasks: [{ subtopologyId: "9", partitions: [0] }],
  });
  await first.ask("claims: half of what is owned", { activeTasks: [] });
  const joining = { memberEpoch: 0, rebalanceTimeoutMs: 30_000, memberId: "third", processId: "p", ...tasks() };
  const nothing = { ...joining, activeTasks: [] };
  await first.ask("claims: a later topology", { ...nothing, topology: { ...topology, epoch: 1 } });
  const [only] = topology.subtopologies;
  const changed = { epoch: 0, subtopologies: [{ ...only!, subtopologyId: "1" }] };
  await first.ask("claims: another topology", { ...nothing, topology: changed });
}

async function offsets(
  dialogue: Dialogue,
  { client, groupId, memberId, epoch }: StreamsMember,
  topic: string,
): Promise<void> {
  const commit = (generationIdOrMemberEpoch: number, member = memberId) => ({
    groupId,
    memberId: member,
    generationIdOrMemberEpoch,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "note" }] }],
  });
  await dialogue.ask("offsets: committed", offsetCommit, 9, commit(epoch), { client });
  await dialogue.ask("offsets: committed in a greater epoch", offsetCommit, 9, commit(epoch + 1), { client });
  await dialogue.ask("offsets: committed in an old epoch", offsetCommit, 9, commit(1), { client });
  await dialogue.ask("offsets: committed by nobody", offsetCommit, 9, commit(epoch, "nobody"), { client });
  await dialogue.ask("offsets: committed from outside", offsetCommit, 9, commit(-1, ""), { client });
  await dialogue.ask("offsets: committed in v8", offsetCommit, 8, commit(epoch), { client });
  const read = (member: string | null, memberEpoch: number) => ({
    groups: [{ groupId, memberId: member, memberEpoch, topics: [{ name: topic, partitionIndexes: [0] }] }],
    requireStable: true,
  });
  await dialogue.ask("offsets: read", offsetFetch, 9, read(memberId, epoch));
  await dialogue.ask("offsets: read in an old epoch", offsetFetch, 9, read(memberId, 1));
  await dialogue.ask("offsets: read by nobody", offsetFetch, 9, read("nobody", epoch));
  await dialogue.ask("offsets: read from outside", offsetFetch, 9, read(null, -1));
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0 }] }];
  await dialogue.ask("offsets: deleted while read", offsetDelete, 0, { groupId, topics });
}

/** Requests of the other protocols. */
async function othersAsk(
  dialogue: Dialogue,
  { groupId, memberId }: StreamsMember,
  topology: TopologyDraft,
): Promise<void> {
  const protocols = [{ name: "range", metadata: new Uint8Array(0) }];
  const times = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000 };
  const join = { groupId, memberId: "", protocolType: "consumer", protocols, ...times };
  await dialogue.ask("others: a classic member joins", joinGroup, 5, join);
  await dialogue.ask("others: a classic member joins with an id", joinGroup, 5, { ...join, memberId });
  await dialogue.ask("others: a classic member syncs", syncGroup, 3, {
    groupId,
    memberId,
    generationId: 1,
    assignments: [],
  });
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
    }, {
      view: ({ errorMessage, ...rest }) => ({ ...rest, says: errorMessage }),
    });
  }
  await dialogue.ask("others: described as classic", describeGroups, 6, {
    groups: [groupId],
    includeAuthorizedOperations: false,
  });
  const asked = { groupIds: [groupId], includeAuthorizedOperations: false };
  await dialogue.ask("others: described as consumers", consumerGroupDescribe, 1, asked);
  await dialogue.ask("others: described as a share group", shareGroupDescribe, 1, asked, {
    view: ({ groups }) => groups.map(({ errorMessage, ...rest }) => ({ ...rest, says: errorMessage })),
  });
  const share = await ShareMember.connect(dialogue, await dialogue.group("s-share"), "m");
  await share.heartbeat({ subscribedTopicNames: [dialogue.named("lines")] });
  await describe(dialogue, "others: a share group described as streams", share.groupId);
  const classic = await stableGroup(dialogue, "s-classic");
  const member = await StreamsMember.connect(dialogue, classic.groupId, "m", topology);
  await member.ask("others: a streams member joins a classic group");
  await member.ask("others: a streams member of a classic group", { memberEpoch: 1, topology: null });
  await member.ask("others: a streams member leaves a classic group", { memberEpoch: -1, topology: null });
  await describe(dialogue, "others: a classic group described as streams", classic.groupId);
}

async function describing(dialogue: Dialogue, { groupId }: StreamsMember): Promise<void> {
  for (const version of [0, 1]) {
    await describe(dialogue, `described, v${version}`, groupId, version, { includeAuthorizedOperations: true });
  }
  await describe(dialogue, "described with its topology", groupId, 1, { includeTopologyDescription: true });
  await dialogue.ask("described: no name", streamsGroupDescribe, 1, {
    groupIds: [""],
    includeAuthorizedOperations: false,
  });
  for (
    const [label, filter] of Object.entries({
      "all": {},
      "of its type": { typesFilter: ["streams"] },
      "of another type": { typesFilter: ["consumer"] },
      "in a state": { statesFilter: ["Stable"], typesFilter: ["Streams"] },
      "not ready": { statesFilter: ["NotReady"] },
      "not_ready": { statesFilter: ["not_ready"] },
    })
  ) {
    await dialogue.ask(`listed: ${label}`, listGroups, 5, { statesFilter: [], typesFilter: [], ...filter }, {
      view: (answer: ListGroupsResponse) => ({
        ...answer,
        groups: answer.groups.filter(({ groupType }) => groupType === "streams")
          .sort((one, other) => one.groupId < other.groupId ? -1 : 1),
      }),
    });
  }
}

async function leaving(dialogue: Dialogue, first: StreamsMember, second: StreamsMember): Promise<void> {
  const plain = { activeTasks: null, standbyTasks: null, warmupTasks: null };
  const { groupId } = first;
  await dialogue.ask("leaves: deleted with members", deleteGroups, 2, { groupsNames: [groupId] });
  await first.ask("leaves: wants all to stop", { ...plain, shutdownApplication: true });
  await second.ask("leaves: the other is told");
  await first.ask("leaves: the first", { ...plain, memberEpoch: -1 });
  await first.ask("leaves: the first again", { ...plain, memberEpoch: -1 });
  await second.comesTo(second.epoch + 1, 4);
  await second.ask("leaves: the second", { ...plain, memberEpoch: -1 });
  await describe(dialogue, "leaves: nobody is left", groupId);
  await dialogue.ask("leaves: deleted", deleteGroups, 2, { groupsNames: [groupId] });
  await describe(dialogue, "leaves: described when deleted", groupId);
}

/** Static members. */
async function staying(dialogue: Dialogue, topology: TopologyDraft): Promise<void> {
  const plain = { activeTasks: null, standbyTasks: null, warmupTasks: null };
  const groupId = await dialogue.group("s-static");
  const said = { instanceId: "i1", processId: "p" };
  const first = await StreamsMember.connect(dialogue, groupId, "first", topology, said);
  const again = await StreamsMember.connect(dialogue, groupId, "again", topology, said);
  await first.ask("static: joins");
  await first.ask("static: stays");
  await again.ask("static: its instance is in use");
  await first.ask("static: goes for a while", { ...plain, memberEpoch: -2 });
  await describe(dialogue, "static: described meanwhile", groupId);
  await again.ask("static: comes back");
  await first.ask("static: its former self", { ...plain, memberEpoch: 2 });
  await again.ask("static: goes on");
  await again.ask("static: goes for good", { ...plain, memberEpoch: -1 });
  await describe(dialogue, "static: nobody is left", groupId);
}

async function describe(
  dialogue: Dialogue,
  label: string,
  groupId: string,
  version = 1,
  { isWithoutEpochs = false, ...more }: {
    readonly includeAuthorizedOperations?: boolean;
    readonly includeTopologyDescription?: boolean;
    /** They depend on how many heartbeats it took. */
    readonly isWithoutEpochs?: boolean;
  } = {},
): Promise<void> {
  const draft = { groupIds: [groupId], includeAuthorizedOperations: false, ...more };
  const epochs = isWithoutEpochs ? { groupEpoch: "some", assignmentEpoch: "some" } : {};
  // Kafka's members come in the order of a hash map.
  const view = ({ groups, ...rest }: StreamsGroupDescribeResponse) => ({
    ...rest,
    groups: groups.map(({ errorMessage, members, ...group }) => ({
      ...group,
      ...epochs,
      says: errorMessage,
      members: members.toSorted((one, other) => one.memberId < other.memberId ? -1 : 1)
        .map((member) => isWithoutEpochs ? { ...member, memberEpoch: "some" } : member),
    })),
  });
  await dialogue.ask(label, streamsGroupDescribe, version, draft, { view });
}
