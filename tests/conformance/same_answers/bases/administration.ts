/** What only administrators ask: elections, reassignments, the quorum, data folders, what has configs, metrics that are wanted. */

import { alterPartitionReassignments } from "../../../../protocol/api/45_alter_partition_reassignments.ts";
import { alterReplicaLogDirs } from "../../../../protocol/api/34_alter_replica_log_dirs.ts";
import { describeLogDirs } from "../../../../protocol/api/35_describe_log_dirs.ts";
import { describeQuorum } from "../../../../protocol/api/55_describe_quorum.ts";
import { electLeaders } from "../../../../protocol/api/43_elect_leaders.ts";
import { getTelemetrySubscriptions } from "../../../../protocol/api/71_get_telemetry_subscriptions.ts";
import { listConfigResources } from "../../../../protocol/api/74_list_config_resources.ts";
import { listPartitionReassignments } from "../../../../protocol/api/46_list_partition_reassignments.ts";
import { pushTelemetry } from "../../../../protocol/api/72_push_telemetry.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import { type Base, base } from "../base.ts";
import type { Talk } from "../talk.ts";

const timeoutMs = 10_000;
const TOPIC = 2, BROKER = 4, BROKER_LOGGER = 8, CLIENT_METRICS = 16, GROUP = 32;

export const administrationBases: readonly Base[] = [
  base(electLeaders, "the preferred", {
    draft: (_, { world }) => ({ topicPartitions: [{ topic: world.plain.name, partitions: [0, 1] }], timeoutMs }),
  }),
  base(electLeaders, "whoever there is", {
    versions: [1, 2],
    draft: (_, { world }) => ({
      electionType: 1,
      topicPartitions: [{ topic: world.plain.name, partitions: [2] }, { topic: world.cut.name, partitions: [0] }],
      timeoutMs,
    }),
  }),
  base(alterPartitionReassignments, "to where it is", {
    prepare: ({ dialogue }) => dialogue.topic("moved", { partitionCount: 2 }),
    draft: ({ name }) => ({
      timeoutMs,
      topics: [{ name, partitions: [{ partitionIndex: 0, replicas: [1] }, { partitionIndex: 1, replicas: [1] }] }],
    }),
    probe: underWay,
  }),
  base(alterPartitionReassignments, "an end to none", {
    prepare: ({ dialogue }) => dialogue.topic("moved", { partitionCount: 2 }),
    draft: ({ name }) => ({ timeoutMs, topics: [{ name, partitions: [{ partitionIndex: 0, replicas: null }] }] }),
    probe: underWay,
  }),
  base(listPartitionReassignments, "of a topic", {
    draft: (_, { world }) => ({ timeoutMs, topics: [{ name: world.plain.name, partitionIndexes: [0, 1] }] }),
  }),
  base(listPartitionReassignments, "all", { draft: () => ({ timeoutMs, topics: null }) }),
  base(describeQuorum, "of the metadata", {
    draft: () => ({ topics: [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }] }),
  }),
  base(alterReplicaLogDirs, "to where it is", {
    prepare: logDirOf,
    draft: (path, { world }) => ({ dirs: [{ path, topics: [{ name: world.plain.name, partitions: [0, 1] }] }] }),
  }),
  base(listConfigResources, "of several kinds", {
    draft: () => ({ resourceTypes: [BROKER, BROKER_LOGGER, CLIENT_METRICS] }),
  }),
  base(listConfigResources, "of topics and groups", {
    versions: [1, 1],
    draft: () => ({ resourceTypes: [TOPIC, GROUP] }),
  }),
  base(getTelemetrySubscriptions, "a new client", { draft: () => ({ clientInstanceId: ZERO_UUID }) }),
  base(getTelemetrySubscriptions, "a client that asks again at once", {
    prepare: subscribed,
    draft: ({ clientInstanceId }) => ({ clientInstanceId }),
  }),
  base(pushTelemetry, "nothing", {
    prepare: subscribed,
    draft: ({ clientInstanceId, subscriptionId }) => pushing(clientInstanceId, subscriptionId),
  }),
  base(pushTelemetry, "the last time", {
    prepare: subscribed,
    draft: ({ clientInstanceId, subscriptionId }) => ({
      ...pushing(clientInstanceId, subscriptionId),
      terminating: true,
    }),
    probe: async (talk, { clientInstanceId, subscriptionId }) => {
      await talk.ask("once more", pushTelemetry, 0, pushing(clientInstanceId, subscriptionId));
    },
  }),
];

function pushing(clientInstanceId: string, subscriptionId: number) {
  return { clientInstanceId, subscriptionId, terminating: false, compressionType: 0, metrics: new Uint8Array(0) };
}

async function underWay(talk: Talk, { name }: { readonly name: string }): Promise<void> {
  const draft = { timeoutMs, topics: [{ name, partitionIndexes: [0, 1] }] };
  await talk.ask("what is under way", listPartitionReassignments, 0, draft);
}

async function logDirOf({ dialogue }: Talk): Promise<string> {
  const { results } = await (await dialogue.main()).send(describeLogDirs, 4, { topics: [] });
  return results[0]?.logDir ?? "";
}

/** A client that was told what is wanted. */
async function subscribed({ dialogue }: Talk) {
  const client = await dialogue.main();
  const answer = await client.send(getTelemetrySubscriptions, 0, { clientInstanceId: ZERO_UUID });
  dialogue.label(answer.clientInstanceId, "<instance>");
  return answer;
}
