/** Who and what there is: Metadata, DescribeTopicPartitions, DescribeCluster, FindCoordinator. */

import { describeCluster, type DescribeClusterResponse } from "../../../protocol/api/60_describe_cluster.ts";
import { describeTopicPartitions } from "../../../protocol/api/75_describe_topic_partitions.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { metadata, type MetadataResponse } from "../../../protocol/api/03_metadata.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import type { Dialogue } from "../../support/dialogue.ts";

const unknownId = "AAAAAAAAAAAAAAAAAAABcQ";

export async function clusterAnswers(dialogue: Dialogue): Promise<void> {
  const one = await dialogue.topic("cluster-a", { partitionCount: 3 });
  const two = await dialogue.topic("cluster-b", { partitionCount: 2 });
  const client = await dialogue.main();
  const { clusterId } = await client.send(metadata, 2, { topics: [] });
  dialogue.label(clusterId ?? "", "<cluster>");
  await metadataByName(dialogue, one.name, two.name);
  await metadataById(dialogue, one, two.topicId);
  await pages(dialogue, one.name, two.name);
  await clusters(dialogue);
  await coordinators(dialogue);
}

const named = (...names: string[]) => names.map((name) => ({ name }));
const byId = (...ids: string[]) => ids.map((topicId) => ({ topicId, name: null }));

/** The topics of this conversation only: a broker that has been talked to has others. */
function own(...names: readonly string[]) {
  return {
    view: (response: MetadataResponse) => ({
      ...response,
      topics: response.topics.filter(({ name }) => name !== null && names.includes(name))
        .sort((a, b) => (a.name ?? "") < (b.name ?? "") ? -1 : 1),
    }),
  };
}

async function metadataByName(dialogue: Dialogue, one: string, two: string): Promise<void> {
  const missing = dialogue.named("missing");
  const noCreation = { allowAutoTopicCreation: false };
  await dialogue.askEach(
    "all topics",
    metadata,
    [0, 13],
    (version) => ({ topics: version === 0 ? [] : null }),
    own(one, two),
  );
  await dialogue.askEach("no topics", metadata, [1, 13], () => ({ topics: [] }));
  await dialogue.askEach("one topic", metadata, [0, 13], () => ({ topics: named(one) }));
  await dialogue.askEach("operations", metadata, [8, 13], (version) => ({
    topics: named(one),
    includeTopicAuthorizedOperations: true,
    includeClusterAuthorizedOperations: version <= 10,
  }));
  await dialogue.askEach(
    "two in another order",
    metadata,
    [12, 12],
    () => ({ topics: named(two, one) }),
    own(one, two),
  );
  await dialogue.askEach("one twice", metadata, [0, 13], () => ({ topics: named(one, one) }));
  await dialogue.askEach("an unknown topic", metadata, [4, 13], () => ({ topics: named(missing), ...noCreation }));
  const bad = { "a name with a space": "a b", "an empty name": "", "dots": "..", "a long name": "x".repeat(250) };
  for (const [label, name] of Object.entries(bad)) {
    await dialogue.askEach(label, metadata, [4, 13], () => ({ topics: named(name), ...noCreation }));
    await dialogue.askEach(`${label}, to be made`, metadata, [0, 13], () => ({ topics: named(name) }));
  }
  await dialogue.ask("operations of an unknown topic", metadata, 12, {
    topics: named(missing),
    includeTopicAuthorizedOperations: true,
    ...noCreation,
  });
  await dialogue.ask("the offsets topic is internal", metadata, 12, { topics: named("__consumer_offsets") }, {
    view: ({ topics }) => topics.map(({ isInternal, name }) => ({ name, isInternal })),
  });
  await dialogue.ask("an internal topic that is not there", metadata, 12, {
    topics: named("__share_group_state"),
    ...noCreation,
  });
}

async function metadataById(
  dialogue: Dialogue,
  one: { readonly name: string; readonly topicId: string },
  two: string,
): Promise<void> {
  await dialogue.askEach("by id", metadata, [10, 13], () => ({ topics: byId(one.topicId) }));
  await dialogue.askEach("by unknown id", metadata, [10, 13], () => ({ topics: byId(unknownId) }));
  await dialogue.ask("by unknown id, operations", metadata, 12, {
    topics: byId(unknownId),
    includeTopicAuthorizedOperations: true,
  });
  await dialogue.askEach("by zero id and no name", metadata, [10, 13], () => ({ topics: byId(ZERO_UUID) }));
  await dialogue.askEach("by id and name", metadata, [10, 13], () => ({ topics: [one] }));
  await dialogue.askEach("by id twice", metadata, [12, 13], () => ({ topics: byId(one.topicId, one.topicId) }));
  await dialogue.ask("by id and another by name", metadata, 12, {
    topics: [...byId(two), { name: one.name }],
  });
}

async function pages(dialogue: Dialogue, one: string, two: string): Promise<void> {
  const ask = (
    label: string,
    names: readonly string[],
    cursor: { readonly topicName: string; readonly partitionIndex: number } | null = null,
    responsePartitionLimit = 2000,
  ) =>
    dialogue.ask(`pages: ${label}`, describeTopicPartitions, 0, {
      topics: names.map((name) => ({ name })),
      responsePartitionLimit,
      cursor,
    }, { view: ({ topics, nextCursor }) => ({ topics: topics.map(brief), nextCursor }) });
  const brief = ({ errorCode, name, topicId, isInternal, partitions, topicAuthorizedOperations }: {
    errorCode: number;
    name: string | null;
    topicId: string;
    isInternal: boolean;
    partitions: readonly { partitionIndex: number }[];
    topicAuthorizedOperations: number;
  }) => ({
    errorCode,
    name,
    topicId,
    isInternal,
    topicAuthorizedOperations,
    partitions: partitions.map(({ partitionIndex }) => partitionIndex).join(" "),
  });
  const missing = dialogue.named("cluster-missing");
  await dialogue.ask("pages: whole partitions", describeTopicPartitions, 0, { topics: named(two) });
  await ask("both", [two, one]);
  await ask("one twice", [one, one]);
  await ask("a limit of 2", [one, two], null, 2);
  await ask("a limit of 3", [one, two], null, 3);
  await ask("a limit of 4", [one, two], null, 4);
  await ask("a limit of 5", [one, two], null, 5);
  await ask("a limit of 0", [one, two], null, 0);
  await ask("a limit of -1", [one, two], null, -1);
  await ask("from the second of one", [one, two], { topicName: one, partitionIndex: 1 });
  await ask("from the second of one, a limit of 1", [one, two], { topicName: one, partitionIndex: 1 }, 1);
  await ask("past the end of one", [one, two], { topicName: one, partitionIndex: 9 });
  await ask("from the second topic", [one, two], { topicName: two, partitionIndex: 0 });
  await ask("a negative cursor", [one, two], { topicName: one, partitionIndex: -1 });
  await ask("a cursor at what was not asked for", [two], { topicName: one, partitionIndex: 0 });
  await ask("a cursor behind all", [one], { topicName: two, partitionIndex: 0 });
  await ask("a cursor at a topic that is gone", [one, two, missing], { topicName: missing, partitionIndex: 1 });
  await ask("an unknown topic", [missing, one]);
  await ask("an unknown topic at the limit", [one, missing], null, 3);
  await ask("a bad name", ["a b", one]);
}

async function clusters(dialogue: Dialogue): Promise<void> {
  const view = {
    view: (response: DescribeClusterResponse) => ({
      ...response,
      brokers: undefined,
      brokerCount: response.brokers.length,
    }),
  };
  await dialogue.askEach(
    "cluster",
    describeCluster,
    [0, 2],
    () => ({ includeClusterAuthorizedOperations: false }),
    view,
  );
  await dialogue.askEach("cluster, operations", describeCluster, [0, 2], () => ({
    includeClusterAuthorizedOperations: true,
  }), view);
  for (const endpointType of [0, 2, 3]) {
    await dialogue.askEach(`cluster, endpoint type ${endpointType}`, describeCluster, [1, 2], () => ({
      includeClusterAuthorizedOperations: true,
      endpointType,
    }), view);
  }
  await dialogue.ask("cluster, fenced brokers", describeCluster, 2, {
    includeClusterAuthorizedOperations: false,
    includeFencedBrokers: true,
  }, view);
}

async function coordinators(dialogue: Dialogue): Promise<void> {
  const group = await dialogue.group("coordinated");
  await dialogue.askEach(
    "coordinator of a group",
    findCoordinator,
    [0, 6],
    (version) => version < 4 ? { key: group } : { coordinatorKeys: [group] },
  );
  await dialogue.askEach("coordinators", findCoordinator, [4, 6], () => ({ coordinatorKeys: [group, "other", group] }));
  await dialogue.askEach("coordinators of nobody", findCoordinator, [4, 6], () => ({ coordinatorKeys: [] }));
  await dialogue.askEach(
    "coordinator of the empty group",
    findCoordinator,
    [0, 6],
    (version) => version < 4 ? { key: "" } : { coordinatorKeys: [""] },
  );
  for (const keyType of [-1, 3, 99]) {
    await dialogue.askEach(
      `coordinator of kind ${keyType}`,
      findCoordinator,
      [1, 6],
      (version) => version < 4 ? { key: group, keyType } : { coordinatorKeys: [group], keyType },
    );
  }
  await dialogue.askEach(
    "coordinator of a share group, badly named",
    findCoordinator,
    [1, 6],
    (version) => version < 4 ? { key: group, keyType: 2 } : { coordinatorKeys: [group], keyType: 2 },
  );
}
