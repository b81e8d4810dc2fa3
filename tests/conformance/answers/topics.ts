/** Making, growing and deleting topics, and their configs. */

import { alterConfigs } from "../../../protocol/api/33_alter_configs.ts";
import { createPartitions } from "../../../protocol/api/37_create_partitions.ts";
import { createTopics, type CreateTopicsRequestDraft } from "../../../protocol/api/19_create_topics.ts";
import { deleteTopics } from "../../../protocol/api/20_delete_topics.ts";
import { describeConfigs, type DescribeConfigsResponse } from "../../../protocol/api/32_describe_configs.ts";
import { describeLogDirs } from "../../../protocol/api/35_describe_log_dirs.ts";
import { incrementalAlterConfigs } from "../../../protocol/api/44_incremental_alter_configs.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";

type TopicDraft = CreateTopicsRequestDraft["topics"][number];

const unknownId = "AAAAAAAAAAAAAAAAAAABcQ";

export async function topicsAnswers(dialogue: Dialogue): Promise<void> {
  await creations(dialogue);
  await growth(dialogue);
  await deletions(dialogue);
  await configs(dialogue);
  await logDirs(dialogue);
}

async function creations(dialogue: Dialogue): Promise<void> {
  const spec = (name: string, more: Partial<TopicDraft> = {}): TopicDraft => ({
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
    ...more,
  });
  const request = (topics: readonly TopicDraft[], validateOnly = false) => ({
    topics,
    timeoutMs: 10_000,
    validateOnly,
  });
  const ask = (label: string, versions: readonly [number, number], ...topics: readonly TopicDraft[]) =>
    dialogue.askEach(`create: ${label}`, createTopics, versions, () => request(topics, true));
  for (let version = 2; version <= 7; version++) {
    const name = dialogue.named(`made-${version}`);
    const draft = request([spec(name, { numPartitions: 2 })]);
    // The list of configs has all there are, ours among them.
    await dialogue.ask(`create, v${version}`, createTopics, version, draft, {
      view: ({ topics }) =>
        topics.map(({ configs, ...topic }) => ({ ...topic, hasConfigs: (configs?.length ?? 0) > 0 })),
    });
    await dialogue.ask(`create, v${version}: again`, createTopics, version, draft);
  }
  const fresh = dialogue.named("not-made");
  const brief = {
    view: ({ topics }: { topics: readonly { configs: readonly unknown[] | null }[] }) =>
      topics.map(({ configs: _, ...topic }) => topic),
  };
  await dialogue.askEach("create: only validated", createTopics, [2, 7], () => request([spec(fresh)], true), brief);
  await dialogue.askEach(
    "create: defaults",
    createTopics,
    [2, 7],
    () => request([spec(fresh, { numPartitions: -1, replicationFactor: -1 })], true),
    brief,
  );
  await dialogue.ask(
    "create: assigned",
    createTopics,
    7,
    request([
      spec(fresh, {
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: [1] }, { partitionIndex: 1, brokerIds: [1] }],
      }),
    ], true),
    brief,
  );
  await dialogue.askEach("create: none", createTopics, [2, 7], () => request([]));
  await ask("no partitions", [2, 7], spec(fresh, { numPartitions: 0 }));
  await ask("-2 partitions", [2, 7], spec(fresh, { numPartitions: -2 }));
  await ask("no replicas", [2, 7], spec(fresh, { replicationFactor: 0 }));
  await ask("-2 replicas", [2, 7], spec(fresh, { replicationFactor: -2 }));
  await ask("more replicas than brokers", [2, 7], spec(fresh, { replicationFactor: 3 }));
  for (
    const [label, name] of Object.entries({
      "an empty name": "",
      "a dot": ".",
      "two dots": "..",
      "a space": "a b",
      "a slash": "a/b",
      "250 letters": "x".repeat(250),
      "not ASCII": "ä",
      "a name that differs by a dot": dialogue.named("made-2").replaceAll(".", "_"),
      "the metadata's own name": "__cluster_metadata",
    })
  ) {
    await ask(label, [7, 7], spec(name));
  }
  await ask("the same twice", [2, 7], spec(fresh), spec(fresh));
  const assigned: Record<string, TopicDraft["assignments"]> = {
    "an unknown broker": [{ partitionIndex: 0, brokerIds: [77] }],
    "no brokers": [{ partitionIndex: 0, brokerIds: [] }],
    "the same broker twice": [{ partitionIndex: 0, brokerIds: [1, 1] }],
    "a gap": [{ partitionIndex: 0, brokerIds: [1] }, { partitionIndex: 2, brokerIds: [1] }],
    "not from 0": [{ partitionIndex: 1, brokerIds: [1] }],
    "a partition twice": [{ partitionIndex: 0, brokerIds: [1] }, { partitionIndex: 0, brokerIds: [1] }],
    "a negative partition": [{ partitionIndex: -1, brokerIds: [1] }],
  };
  for (const [label, assignments] of Object.entries(assigned)) {
    await ask(`assigned, ${label}`, [7, 7], spec(fresh, { numPartitions: -1, replicationFactor: -1, assignments }));
  }
  await ask("assigned and counted", [7, 7], spec(fresh, { assignments: [{ partitionIndex: 0, brokerIds: [1] }] }));
  const configured: Record<string, TopicDraft["configs"]> = {
    "an unknown config": [{ name: "unheard.of", value: "1" }],
    "a bad number": [{ name: "retention.ms", value: "soon" }],
    "a number out of range": [{ name: "retention.ms", value: "-2" }],
    "a bad word": [{ name: "cleanup.policy", value: "burn" }],
    "an empty list": [{ name: "cleanup.policy", value: "" }],
    "a null value": [{ name: "retention.ms", value: null }],
    "one twice": [{ name: "retention.ms", value: "1" }, { name: "retention.ms", value: "2" }],
    "a segment too small": [{ name: "segment.bytes", value: "10" }],
    "an empty name": [{ name: "", value: "1" }],
  };
  for (const [label, configs] of Object.entries(configured)) {
    await dialogue.ask(
      `create: configured, ${label}`,
      createTopics,
      7,
      request([spec(fresh, { configs })], true),
      brief,
    );
  }
  await dialogue.ask(
    "create: a timeout of -1",
    createTopics,
    7,
    { ...request([spec(fresh)], true), timeoutMs: -1 },
    brief,
  );
}

async function growth(dialogue: Dialogue): Promise<void> {
  const { name } = await dialogue.topic("grown", { partitionCount: 2 });
  const request = (
    count: number,
    assignments: readonly { brokerIds: readonly number[] }[] | null = null,
    topic = name,
  ) => ({
    topics: [{ name: topic, count, assignments }],
    timeoutMs: 10_000,
    validateOnly: true,
  });
  const drafts = {
    "more": request(4),
    "as many": request(2),
    "fewer": request(1),
    "none": request(0),
    "negative": request(-1),
    "an unknown topic": request(3, null, dialogue.named("missing")),
    "a bad name": request(3, null, "a b"),
    "assigned": request(3, [{ brokerIds: [1] }]),
    "too few assigned": request(4, [{ brokerIds: [1] }]),
    "too many assigned": request(3, [{ brokerIds: [1] }, { brokerIds: [1] }]),
    "assigned to nobody": request(3, [{ brokerIds: [] }]),
    "assigned to an unknown broker": request(3, [{ brokerIds: [77] }]),
    "no assignments, an empty list": request(3, []),
    "the same twice": { ...request(3), topics: [...request(3).topics, ...request(4).topics] },
    "no topics": { ...request(3), topics: [] },
  };
  for (const [label, draft] of Object.entries(drafts)) {
    await dialogue.askEach(`grow: ${label}`, createPartitions, [0, 3], () => draft);
  }
}

async function deletions(dialogue: Dialogue): Promise<void> {
  const missing = dialogue.named("missing");
  for (let version = 1; version <= 5; version++) {
    const { name } = await dialogue.topic(`deleted-${version}`);
    await dialogue.ask(`delete, v${version}`, deleteTopics, version, {
      topicNames: [name, missing],
      timeoutMs: 10_000,
    }, { view: ({ responses }) => [...responses].sort((a, b) => a.errorCode - b.errorCode) }); // Kafka shuffles them
  }
  await dialogue.askEach(
    "delete: none",
    deleteTopics,
    [1, 6],
    () => ({ topicNames: [], topics: [], timeoutMs: 10_000 }),
  );
  await dialogue.askEach(
    "delete: an empty name",
    deleteTopics,
    [1, 5],
    () => ({ topicNames: [""], timeoutMs: 10_000 }),
  );
  const one = await dialogue.topic("deleted-by-id");
  const two = await dialogue.topic("deleted-by-name");
  const kept = await dialogue.topic("deleted-never");
  const ask = (label: string, ...topics: readonly { name: string | null; topicId: string }[]) =>
    dialogue.ask(`delete: ${label}`, deleteTopics, 6, { topics, timeoutMs: 10_000 });
  const byName = (name: string) => ({ name, topicId: ZERO_UUID });
  const byId = (topicId: string) => ({ name: null, topicId });
  await ask("by neither", byId(ZERO_UUID));
  await ask("by both", kept);
  await ask("the same id twice", byId(kept.topicId), byId(kept.topicId));
  await ask("the same name twice", byName(kept.name), byName(kept.name));
  await ask("an unknown id", byId(unknownId));
  await ask("by id", byId(one.topicId));
  await ask("by name", byName(two.name));
  await ask("by id, again", byId(one.topicId));
}

/** Names and values that both have; how they are documented is another matter. */
async function configs(dialogue: Dialogue): Promise<void> {
  const { name } = await dialogue.topic("configured", { configs: { "max.message.bytes": "1000" } });
  const missing = dialogue.named("missing");
  const keys = ["retention.ms", "max.message.bytes", "cleanup.policy", "unheard.of"];
  const short = {
    view: ({ results }: DescribeConfigsResponse) =>
      results.map(({ configs, ...result }) => ({
        ...result,
        configs: configs.map(({ documentation: _, synonyms, ...config }) => ({
          ...config,
          synonymCount: synonyms.length,
        }))
          .sort((a, b) => a.name < b.name ? -1 : 1),
      })),
  };
  const described = (
    resourceType: number,
    resourceName: string,
    configurationKeys: readonly string[] | null = keys,
  ) => ({
    resources: [{ resourceType, resourceName, configurationKeys }],
    includeSynonyms: true,
    includeDocumentation: false,
  });
  await dialogue.askEach("configs of a topic", describeConfigs, [1, 4], () => described(2, name), short);
  const places: Record<string, readonly [number, string]> = {
    "an unknown topic": [2, missing],
    "a badly named topic": [2, "a b"],
    "no topic": [2, ""],
    "another broker": [4, "77"],
    "a broker that is no number": [4, "x"],
    "an unknown kind": [99, "x"],
    "kind 0": [0, "x"],
    "another broker's loggers": [8, "77"],
  };
  for (const [label, [resourceType, resourceName]] of Object.entries(places)) {
    await dialogue.ask(`configs of ${label}`, describeConfigs, 4, described(resourceType, resourceName), short);
    await dialogue.ask(`changing configs of ${label}`, incrementalAlterConfigs, 1, {
      resources: [{ resourceType, resourceName, configs: [{ name: "retention.ms", configOperation: 0, value: "1" }] }],
      validateOnly: true,
    });
    await dialogue.ask(`replacing configs of ${label}`, alterConfigs, 2, {
      resources: [{ resourceType, resourceName, configs: [{ name: "retention.ms", value: "1" }] }],
      validateOnly: true,
    });
  }
  const change = (configName: string, configOperation: number, value: string | null) => ({
    resources: [{ resourceType: 2, resourceName: name, configs: [{ name: configName, configOperation, value }] }],
    validateOnly: true,
  });
  const changes = {
    "set": change("retention.ms", 0, "5"),
    "delete": change("max.message.bytes", 1, null),
    "delete what is not set": change("retention.bytes", 1, null),
    "append": change("cleanup.policy", 2, "compact"),
    "append to what is no list": change("retention.ms", 2, "5"),
    "subtract": change("cleanup.policy", 3, "delete"),
    "an unknown operation": change("retention.ms", 9, "5"),
    "an unknown config": change("unheard.of", 0, "5"),
    "deleting an unknown config": change("unheard.of", 1, null),
    "a bad value": change("retention.ms", 0, "soon"),
    "null": change("retention.ms", 0, null),
    "nothing": { resources: [{ resourceType: 2, resourceName: name, configs: [] }], validateOnly: true },
    "no resources": { resources: [], validateOnly: true },
  };
  for (const [label, draft] of Object.entries(changes)) {
    await dialogue.askEach(`changing configs: ${label}`, incrementalAlterConfigs, [0, 1], () => draft);
  }
  await dialogue.ask("changing configs: one twice", incrementalAlterConfigs, 1, {
    resources: [{
      resourceType: 2,
      resourceName: name,
      configs: ["1", "2"].map((value) => ({ name: "retention.ms", configOperation: 0, value })),
    }],
    validateOnly: true,
  });
  await (await dialogue.main()).send(incrementalAlterConfigs, 1, {
    ...change("retention.ms", 0, "777"),
    validateOnly: false,
  });
  await until(async () => {
    const { results } = await (await dialogue.main()).send(describeConfigs, 4, described(2, name));
    return results[0]?.errorCode === ErrorCode.NONE && results[0].configs.some(({ value }) => value === "777");
  });
  await dialogue.ask("changed configs", describeConfigs, 4, described(2, name), short);
  await dialogue.ask("configs, no keys", describeConfigs, 4, described(2, name, []), {
    view: ({ results }) => results.map(({ errorCode, configs }) => ({ errorCode, hasMany: configs.length > 20 })),
  });
}

async function logDirs(dialogue: Dialogue): Promise<void> {
  const { name } = await dialogue.topic("in-a-folder", { partitionCount: 2 });
  const asked = {
    "one partition": [{ topic: name, partitions: [1] }],
    "an unknown partition": [{ topic: name, partitions: [7] }],
    "an unknown topic": [{ topic: dialogue.named("missing"), partitions: [0] }],
    "no partitions": [{ topic: name, partitions: [] }],
    "none": [],
  };
  for (const [label, topics] of Object.entries(asked)) {
    await dialogue.askEach(`folders: ${label}`, describeLogDirs, [1, 5], () => ({ topics }), {
      view: ({ errorCode, results }) => ({
        errorCode,
        results: results.map(({ logDir: _, totalBytes, usableBytes, ...result }) => ({
          ...result,
          isSized: totalBytes > 0 && usableBytes > 0,
        })),
      }),
    });
  }
}
