/** What only administrators ask: elections, reassignments, the quorum, brokers and controllers that are to go, data folders. */

import { addRaftVoter } from "../../../protocol/api/80_add_raft_voter.ts";
import { alterPartitionReassignments } from "../../../protocol/api/45_alter_partition_reassignments.ts";
import { alterReplicaLogDirs } from "../../../protocol/api/34_alter_replica_log_dirs.ts";
import { describeLogDirs } from "../../../protocol/api/35_describe_log_dirs.ts";
import { describeQuorum, type DescribeQuorumResponse } from "../../../protocol/api/55_describe_quorum.ts";
import {
  electLeaders,
  type ElectLeadersRequestDraft,
  type ElectLeadersResponse,
} from "../../../protocol/api/43_elect_leaders.ts";
import { listPartitionReassignments } from "../../../protocol/api/46_list_partition_reassignments.ts";
import { removeRaftVoter } from "../../../protocol/api/81_remove_raft_voter.ts";
import { unregisterBroker } from "../../../protocol/api/64_unregister_broker.ts";
import { unregisterController } from "../../../protocol/api/94_unregister_controller.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { worded } from "./views.ts";

const timeoutMs = 10_000;
const someFolder = "cwbE3fu4QRulFjkHsq9GAw";
const metadataTopic = "__cluster_metadata";

export async function administrationAnswers(dialogue: Dialogue): Promise<void> {
  const { name } = await dialogue.topic("administered", { partitionCount: 2 });
  const missing = dialogue.named("missing");
  await elections(dialogue, name, missing);
  await reassignments(dialogue, name, missing);
  await reassignmentsUnderWay(dialogue, name, missing);
  await quorum(dialogue, name);
  await departures(dialogue);
  await voters(dialogue);
  await folders(dialogue, name, missing);
}

async function elections(dialogue: Dialogue, name: string, missing: string): Promise<void> {
  const of = (topic: string, ...partitions: number[]) => ({ topic, partitions });
  const asked: Record<string, ElectLeadersRequestDraft["topicPartitions"]> = {
    "two partitions": [of(name, 0, 1)],
    "a partition twice": [of(name, 0, 0)],
    "a topic twice": [of(name, 0), of(name, 1)],
    "an unknown partition": [of(name, 0, 2)],
    "a negative partition": [of(name, -1)],
    "an unknown topic": [of(missing, 0, 1), of(name, 0)],
    "a bad name": [of("a b", 0)],
    "an empty name": [of("", 0)],
    "no partitions": [of(name)],
    "none": [],
  };
  const types = { preferred: 0, unclean: 1, "of a type that does not exist": 9, "of type -1": -1 };
  for (const [label, topicPartitions] of Object.entries(asked)) {
    for (const [type, electionType] of Object.entries(types)) {
      const versions = [electionType === 0 ? 0 : 1, 2] as const;
      const draft = { electionType, topicPartitions, timeoutMs };
      await dialogue.askEach(`elect ${type}: ${label}`, electLeaders, versions, () => draft, { view: worded });
    }
  }
  // Which topics there are besides is not the question.
  const own = {
    view: ({ errorCode, replicaElectionResults }: ElectLeadersResponse) => ({
      errorCode,
      own: replicaElectionResults.filter(({ topic }) => topic === name),
      changed: replicaElectionResults.filter(({ partitionResult }) => partitionResult.length > 0),
    }),
  };
  for (const [type, electionType] of Object.entries(types)) {
    const versions = [electionType === 0 ? 0 : 1, 2] as const;
    const draft = { electionType, topicPartitions: null, timeoutMs };
    await dialogue.askEach(`elect ${type}: all`, electLeaders, versions, () => draft, own);
  }
  for (const late of [0, -1]) {
    const draft = { topicPartitions: [of(name, 0)], timeoutMs: late };
    await dialogue.askEach(`elect: a timeout of ${late}`, electLeaders, [0, 2], () => draft, { view: worded });
  }
}

async function reassignments(dialogue: Dialogue, name: string, missing: string): Promise<void> {
  const to = (replicas: readonly number[] | null, partitionIndex = 0) => ({ partitionIndex, replicas });
  const own = (...partitions: ReturnType<typeof to>[]) => [{ name, partitions }];
  const asked = {
    "to where it is": own(to([1])),
    "to nobody": own(to([])),
    "to an unknown broker": own(to([77])),
    "to the same broker twice": own(to([1, 1])),
    "to one more, unknown": own(to([1, 77])),
    "to a broker of a negative number": own(to([-1])),
    "an end to none": own(to(null)),
    "each of two": own(to([1]), to([77], 1)),
    "a partition twice": own(to([1]), to([1])),
    "a topic twice": [...own(to([1])), ...own(to(null))],
    "an unknown partition": own(to([1], 2), to(null, 3)),
    "a negative partition": own(to([1], -1)),
    "an unknown topic": [{ name: missing, partitions: [to([1]), to(null, 1)] }],
    "a bad name": [{ name: "a b", partitions: [to([1])] }],
    "the metadata's own topic": [{ name: metadataTopic, partitions: [to([1])] }],
    "no partitions": own(),
    "no topics": [],
  };
  for (const [label, topics] of Object.entries(asked)) {
    const draft = { topics, timeoutMs };
    await dialogue.askEach(`reassign: ${label}`, alterPartitionReassignments, [0, 1], () => draft, { view: worded });
    const fixed = { ...draft, allowReplicationFactorChange: false };
    const what = `reassign, as many as before: ${label}`;
    await dialogue.ask(what, alterPartitionReassignments, 1, fixed, { view: worded });
  }
  for (const late of [0, -1]) {
    const draft = { topics: own(to([1])), timeoutMs: late };
    const label = `reassign: a timeout of ${late}`;
    await dialogue.askEach(label, alterPartitionReassignments, [0, 1], () => draft, { view: worded });
  }
}

async function reassignmentsUnderWay(dialogue: Dialogue, name: string, missing: string): Promise<void> {
  const asked = {
    "all": null,
    "none": [],
    "a topic": [{ name, partitionIndexes: [0, 1, 9] }],
    "an unknown topic": [{ name: missing, partitionIndexes: [0] }],
    "no partitions": [{ name, partitionIndexes: [] }],
  };
  for (const [label, topics] of Object.entries(asked)) {
    await dialogue.ask(`reassignments of ${label}`, listPartitionReassignments, 0, { topics, timeoutMs });
  }
  await dialogue.ask("reassignments without time", listPartitionReassignments, 0, { topics: null, timeoutMs: 0 });
}

async function quorum(dialogue: Dialogue, name: string): Promise<void> {
  const of = (topicName: string, ...indexes: number[]) => ({
    topicName,
    partitions: indexes.map((partitionIndex) => ({ partitionIndex })),
  });
  const asked = {
    "the quorum": [of(metadataTopic, 0)],
    "the quorum of another partition": [of(metadataTopic, 1)],
    "the quorum of two partitions": [of(metadataTopic, 0, 1)],
    "the quorum twice": [of(metadataTopic, 0), of(metadataTopic, 0)],
    "the quorum of a topic": [of(name, 0)],
    "the quorum and a topic": [of(metadataTopic, 0), of(name, 0)],
    "the quorum of no partition": [of(metadataTopic)],
    "the quorum of nothing": [],
  };
  for (const [label, topics] of Object.entries(asked)) {
    await dialogue.askEach(label, describeQuorum, [0, 2], () => ({ topics }), { view: quorumFacts });
  }
}

/** How far the log is, and where its voters are, differs from minute to minute and from place to place. */
export function quorumFacts({ nodes, topics, ...rest }: DescribeQuorumResponse): unknown {
  return worded({
    ...rest,
    nodes: nodes.map(({ nodeId, listeners }) => ({ nodeId, hasListeners: listeners.length > 0 })),
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ leaderEpoch, highWatermark, currentVoters, ...partition }) => ({
        ...partition,
        hasEpoch: leaderEpoch >= 0,
        hasRecords: highWatermark > 0,
        currentVoters: currentVoters.map(({ replicaDirectoryId: _, logEndOffset, ...voter }) => ({
          ...voter,
          isCaughtUp: logEndOffset >= highWatermark,
        })),
      })),
    })),
  });
}

async function departures(dialogue: Dialogue): Promise<void> {
  for (const id of [77, -1, -2_147_483_648]) {
    await dialogue.ask(`unregister broker ${id}`, unregisterBroker, 0, { brokerId: id }, { view: worded });
    await dialogue.ask(`unregister controller ${id}`, unregisterController, 0, { controllerId: id }, { view: worded });
  }
}

/** This node's id is 1. Nobody else is asked for who could be added, for Kafka then tries to reach them. */
async function voters(dialogue: Dialogue): Promise<void> {
  const listeners = [{ name: "CONTROLLER", host: "127.0.0.1", port: 1 }];
  const asked = {
    "of another cluster": { clusterId: "another", voterId: 2, voterDirectoryId: someFolder, listeners },
    "without a folder": { clusterId: null, voterId: 2, voterDirectoryId: ZERO_UUID, listeners },
    "of a negative id": { clusterId: null, voterId: -1, voterDirectoryId: someFolder, listeners },
    "that votes, in another folder": { clusterId: null, voterId: 1, voterDirectoryId: someFolder, listeners },
  };
  for (const [label, draft] of Object.entries(asked)) {
    await dialogue.askEach(`add a voter ${label}`, addRaftVoter, [0, 1], () => ({ timeoutMs, ...draft }));
    await dialogue.ask(`remove a voter ${label}`, removeRaftVoter, 0, draft);
  }
  const nowhere = { clusterId: null, voterId: 2, voterDirectoryId: someFolder, listeners: [] };
  await dialogue.askEach("add a voter without an address", addRaftVoter, [0, 1], () => ({ timeoutMs, ...nowhere }));
  await dialogue.ask("remove a voter who does not vote", removeRaftVoter, 0, nowhere);
}

async function folders(dialogue: Dialogue, name: string, missing: string): Promise<void> {
  const { results } = await (await dialogue.main()).send(describeLogDirs, 4, { topics: [] });
  const { logDir = "" } = results[0] ?? {};
  const of = (topic: string, ...partitions: number[]) => ({ name: topic, partitions });
  const dir = (path: string, ...topics: ReturnType<typeof of>[]) => ({ path, topics });
  const asked = {
    "where it is": [dir(logDir, of(name, 0))],
    "where it is, with a slash behind": [dir(`${logDir}/`, of(name, 0))],
    "a folder that is none of the broker's": [dir("/nowhere", of(name, 0))],
    "a folder that has no full path": [dir("nowhere", of(name, 0))],
    "a folder without a name": [dir("", of(name, 0))],
    "one folder, then another": [dir("/nowhere", of(name, 0)), dir(logDir, of(name, 0))],
    "an unknown partition": [dir(logDir, of(name, 9))],
    "a negative partition": [dir(logDir, of(name, -1))],
    "an unknown topic": [dir(logDir, of(missing, 0))],
    "an unknown topic, a folder of nobody's": [dir("/nowhere", of(missing, 0))],
    "a bad name": [dir(logDir, of("a b", 0))],
    "a name of 249 letters": [dir(logDir, of("x".repeat(249), 0))],
    "no partitions": [dir(logDir, of(name))],
    "no topics": [dir(logDir)],
    "none": [],
  };
  for (const [label, dirs] of Object.entries(asked)) {
    await dialogue.askEach(`move to ${label}`, alterReplicaLogDirs, [1, 2], () => ({ dirs }));
  }
}
