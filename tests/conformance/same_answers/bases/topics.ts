/** What there is: topics, their partitions, the cluster, coordinators, folders. */

import { apiVersions } from "../../../../protocol/api/18_api_versions.ts";
import { createPartitions } from "../../../../protocol/api/37_create_partitions.ts";
import { createTopics, type CreateTopicsRequestDraft } from "../../../../protocol/api/19_create_topics.ts";
import { deleteTopics } from "../../../../protocol/api/20_delete_topics.ts";
import { describeCluster } from "../../../../protocol/api/60_describe_cluster.ts";
import { describeLogDirs } from "../../../../protocol/api/35_describe_log_dirs.ts";
import { describeTopicPartitions } from "../../../../protocol/api/75_describe_topic_partitions.ts";
import { findCoordinator } from "../../../../protocol/api/10_find_coordinator.ts";
import { metadata } from "../../../../protocol/api/03_metadata.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import { type Base, base } from "../base.ts";
import type { Talk } from "../talk.ts";

type TopicDraft = CreateTopicsRequestDraft["topics"][number];

export const topicBases: readonly Base[] = [
  base(metadata, "two topics by name", {
    draft: (_, { world }) => ({
      topics: [{ name: world.plain.name }, { name: world.empty.name }],
      allowAutoTopicCreation: false,
    }),
  }),
  base(metadata, "a topic by id", {
    versions: [10, 13],
    draft: (_, { world }) => ({
      topics: [{ topicId: world.plain.topicId, name: null }],
      allowAutoTopicCreation: false,
    }),
  }),
  base(describeTopicPartitions, "two topics", {
    draft: (_, { world }) => ({ topics: [{ name: world.empty.name }, { name: world.plain.name }] }),
  }),
  base(describeTopicPartitions, "the next page", {
    draft: (_, { world }) => ({
      topics: [{ name: world.empty.name }, { name: world.plain.name }],
      responsePartitionLimit: 2,
      cursor: { topicName: world.plain.name, partitionIndex: 1 },
    }),
  }),
  base(describeCluster, "all", { draft: () => ({ includeClusterAuthorizedOperations: true }) }),
  base(findCoordinator, "of a group", {
    draft: (_, { world }) => ({ key: world.committed, coordinatorKeys: [world.committed] }),
  }),
  base(findCoordinator, "of a transactional id", {
    versions: [1, 6],
    draft: (_, { world }) => ({ key: world.openId, keyType: 1, coordinatorKeys: [world.openId, world.idleId] }),
  }),
  base(findCoordinator, "of a share group's partition", {
    versions: [6, 6],
    draft: () => ({ keyType: 2, coordinatorKeys: ["g:AAAAAAAAAAAAAAAAAAABcQ:0"] }),
  }),
  base(apiVersions, "a known client", {
    draft: () => ({ clientSoftwareName: "weir-tests", clientSoftwareVersion: "1.0" }),
  }),
  base(describeLogDirs, "a topic", {
    draft: (_, { world }) => ({ topics: [{ topic: world.plain.name, partitions: [0, 1] }] }),
  }),
  base(createTopics, "two", {
    draft: (_, talk) => creating(talk.named("made"), talk.named("made-too")),
    probe: (talk) => look(talk, talk.named("made"), talk.named("made-too")),
  }),
  base(createTopics, "only validated", {
    versions: [1, 7],
    draft: (_, talk) => ({ ...creating(talk.named("made")), validateOnly: true }),
    probe: (talk) => look(talk, talk.named("made")),
  }),
  base(createTopics, "on brokers that are named", {
    draft: (_, talk) =>
      creating({
        ...spec(talk.named("made")),
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: [1] }, { partitionIndex: 1, brokerIds: [1] }],
      }),
    probe: (talk) => look(talk, talk.named("made")),
  }),
  base(createTopics, "with configs", {
    draft: (_, talk) =>
      creating({
        ...spec(talk.named("made")),
        configs: [{ name: "retention.ms", value: "1000" }, { name: "cleanup.policy", value: "compact,delete" }],
      }),
    probe: (talk) => look(talk, talk.named("made")),
  }),
  base(deleteTopics, "one", {
    prepare: ({ dialogue }) => dialogue.topic("deleted"),
    draft: ({ name }) => ({ topics: [{ name, topicId: ZERO_UUID }], topicNames: [name], timeoutMs: 10_000 }),
    probe: (talk, { name }) => look(talk, name),
  }),
  base(deleteTopics, "one by id", {
    versions: [6, 6],
    prepare: ({ dialogue }) => dialogue.topic("deleted"),
    draft: ({ topicId }) => ({ topics: [{ name: null, topicId }], timeoutMs: 10_000 }),
    probe: (talk, { name }) => look(talk, name),
  }),
  base(deleteTopics, "one by name and by id", {
    versions: [6, 6],
    prepare: ({ dialogue }) => dialogue.topic("deleted"),
    draft: ({ name, topicId }) => ({
      topics: [{ name, topicId: ZERO_UUID }, { name: null, topicId }],
      timeoutMs: 10_000,
    }),
    probe: (talk, { name }) => look(talk, name),
  }),
  base(createPartitions, "more", {
    prepare: ({ dialogue }) => dialogue.topic("grown", { partitionCount: 2 }),
    draft: ({ name }) => ({ topics: [{ name, count: 3, assignments: null }], timeoutMs: 10_000, validateOnly: false }),
    probe: (talk, { name }) => look(talk, name),
  }),
  base(createPartitions, "more, assigned, only validated", {
    prepare: ({ dialogue }) => dialogue.topic("grown", { partitionCount: 2 }),
    draft: ({ name }) => ({
      topics: [{ name, count: 3, assignments: [{ brokerIds: [1] }] }],
      timeoutMs: 10_000,
      validateOnly: true,
    }),
    probe: (talk, { name }) => look(talk, name),
  }),
];

function spec(name: string): TopicDraft {
  return { name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
}

function creating(...topics: readonly (string | TopicDraft)[]): CreateTopicsRequestDraft {
  return { topics: topics.map((topic) => typeof topic === "string" ? spec(topic) : topic), timeoutMs: 10_000 };
}

/** Whether topics are there, which the controller says before a broker does. */
async function look(talk: Talk, ...names: readonly string[]): Promise<void> {
  await talk.ask("to be grown", createPartitions, 3, {
    topics: names.map((name) => ({ name, count: 9, assignments: null })),
    timeoutMs: 10_000,
    validateOnly: true,
  });
}
