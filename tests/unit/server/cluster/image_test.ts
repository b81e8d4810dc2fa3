import { describe, expect, test } from "bun:test";
import { type ClusterChange, CorruptMetadata, MetadataImage, ResourceType } from "../../../../server/cluster/image.ts";
import type { MetadataRecord } from "../../../../server/cluster/records.ts";

const ID = "cwbE3fu4QRulFjkHsq9GAw";
const OTHER_ID = "ubidAv5IQuSvkjQ_AA9htg";

function topic(name: string, topicId: string, partitionCount = 1): MetadataRecord[] {
  const records: MetadataRecord[] = [{ kind: "topic", name, topicId }];
  for (let index = 0; index < partitionCount; index++) records.push(partition(topicId, index));
  return records;
}

function partition(topicId: string, partitionId: number): MetadataRecord {
  return {
    kind: "partition",
    partitionId,
    topicId,
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
    replicas: [1],
    isr: [1],
  };
}

function config(resourceName: string, name: string, value: string | null): MetadataRecord {
  return { kind: "config", resourceType: ResourceType.TOPIC, resourceName, name, value };
}

function kinds(changes: readonly ClusterChange[]): string[] {
  return changes.map(({ kind }) => kind);
}

describe("metadata image", () => {
  test("a topic made with configs is told of once, complete", () => {
    const image = new MetadataImage();
    const changes = image.apply([...topic("orders", ID, 3), config("orders", "retention.ms", "1000")]);
    expect(kinds(changes)).toEqual(["topicCreated"]);
    const made = image.topic("orders")!;
    expect(changes[0]).toEqual({ kind: "topicCreated", topic: made });
    expect(made.partitions.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect([...made.configs]).toEqual([["retention.ms", "1000"]]);
    expect(image.topicById(ID)).toBe(made);
  });

  test("an object given out never changes", () => {
    const image = new MetadataImage();
    image.apply(topic("orders", ID));
    const before = image.topic("orders")!;
    const configsBefore = image.configsOf({ type: ResourceType.TOPIC, name: "orders" });
    image.apply([partition(ID, 1), config("orders", "retention.ms", "5")]);
    expect(before.partitions.length).toBe(1);
    expect(before.configs.size).toBe(0);
    expect(configsBefore.size).toBe(0);
    expect(image.topic("orders")!.partitions.length).toBe(2);
    expect(image.topic("orders")!.configs.get("retention.ms")).toBe("5");
  });

  test("growing, configuring and deleting are told apart", () => {
    const image = new MetadataImage();
    image.apply(topic("orders", ID, 2));
    const grown = image.apply([partition(ID, 2)]);
    expect(grown).toEqual([{ kind: "partitionsAdded", topic: image.topic("orders")!, previousCount: 2 }]);
    const configured = image.apply([config("orders", "retention.ms", "5"), config("orders", "flush.ms", "7")]);
    expect(configured).toEqual([{
      kind: "configsChanged",
      resource: { type: ResourceType.TOPIC, name: "orders" },
      names: new Set(["retention.ms", "flush.ms"]),
    }]);
    const last = image.topic("orders")!;
    expect(image.apply([{ kind: "removeTopic", topicId: ID }])).toEqual([{ kind: "topicDeleted", topic: last }]);
    expect(image.topic("orders")).toBe(undefined);
    expect(image.topicById(ID)).toBe(undefined);
    expect(image.wasRemoved(ID)).toBe(true);
    expect(image.wasRemoved(OTHER_ID)).toBe(false);
  });

  test("topics removed long ago are forgotten", () => {
    const image = new MetadataImage();
    const idOf = (index: number) => `AAAAAAAAAAAAAA${String(index).padStart(7, "0")}A`;
    for (let index = 0; index <= 10_000; index++) {
      image.apply([{ kind: "topic", name: "orders", topicId: idOf(index) }]);
      image.apply([{ kind: "removeTopic", topicId: idOf(index) }]);
    }
    expect(image.wasRemoved(idOf(0))).toBe(false);
    expect(image.wasRemoved(idOf(1))).toBe(true);
    expect(image.wasRemoved(idOf(10_000))).toBe(true);
  });

  test("a topic's configs go with it and do not come back with its name", () => {
    const image = new MetadataImage();
    image.apply([...topic("orders", ID), config("orders", "retention.ms", "5")]);
    image.apply([{ kind: "removeTopic", topicId: ID }]);
    image.apply(topic("orders", OTHER_ID));
    expect(image.topic("orders")!.configs.size).toBe(0);
  });

  test("a config set to null is no longer set", () => {
    const image = new MetadataImage();
    const broker = { type: ResourceType.BROKER, name: "" };
    const set = (value: string | null): MetadataRecord => ({
      kind: "config",
      resourceType: ResourceType.BROKER,
      resourceName: "",
      name: "log.retention.ms",
      value,
    });
    image.apply([set("5")]);
    expect([...image.configsOf(broker)]).toEqual([["log.retention.ms", "5"]]);
    expect([...image.configResources(ResourceType.BROKER)]).toEqual([broker]);
    image.apply([set(null)]);
    expect(image.configsOf(broker).size).toBe(0);
    expect([...image.configResources(ResourceType.BROKER)]).toEqual([]);
  });

  test("a leader named again starts a new epoch, other changes do not", () => {
    const image = new MetadataImage();
    image.apply(topic("orders", ID));
    const change = {
      kind: "partitionChange",
      partitionId: 0,
      topicId: ID,
      leader: null,
      replicas: null,
      isr: null,
    } as const;
    expect(kinds(image.apply([{ ...change, leader: 1 }]))).toEqual(["partitionsChanged"]);
    image.apply([{ ...change, isr: [] }]);
    expect(image.topic("orders")!.partitions[0]).toEqual({
      index: 0,
      leaderId: 1,
      leaderEpoch: 1,
      partitionEpoch: 2,
      replicas: [1],
      isr: [],
    });
  });

  test("names collide when only dots and underscores differ", () => {
    const image = new MetadataImage();
    image.apply(topic("a.b_c", ID));
    expect(image.collidingTopic("a_b.c")).toBe("a.b_c");
    expect(image.collidingTopic("a.b_c")).toBe(undefined);
    expect(image.collidingTopic("a-b_c")).toBe(undefined);
    image.apply([{ kind: "removeTopic", topicId: ID }]);
    expect(image.collidingTopic("a_b.c")).toBe(undefined);
  });

  test("its records make the same image again", () => {
    const image = new MetadataImage();
    image.apply([{ kind: "featureLevel", name: "metadata.version", featureLevel: 33 }]);
    image.apply([{ kind: "featureLevel", name: "group.version", featureLevel: 0 }]);
    image.apply([...topic("orders", ID, 3), config("orders", "retention.ms", "5")]);
    image.apply(topic("__consumer_offsets", OTHER_ID, 50));
    image.apply([{ kind: "partitionChange", partitionId: 1, topicId: ID, leader: 1, replicas: null, isr: null }]);
    image.apply([{ kind: "producerIds", nextProducerId: 4000 }]);
    const copy = new MetadataImage();
    copy.apply([...image.records()]);
    expect(copy.topics()).toEqual(image.topics());
    expect(copy.nextProducerId).toBe(4000);
    expect([...copy.features()]).toEqual([["metadata.version", 33], ["group.version", 0]]);
    expect([...copy.records()]).toEqual([...image.records()]);
    expect(copy.topic("__consumer_offsets")!.isInternal).toBe(true);
  });

  test("topics come in the order of their names", () => {
    const image = new MetadataImage();
    image.apply(topic("b", ID));
    expect(image.topics().map(({ name }) => name)).toEqual(["b"]);
    image.apply(topic("a", OTHER_ID));
    expect(image.topics().map(({ name }) => name)).toEqual(["a", "b"]);
  });

  test.each<[string, MetadataRecord[]]>([
    ["a topic made twice", topic("orders", OTHER_ID)],
    ["a topic id given twice", topic("other", ID)],
    ["a gap between partitions", [partition(ID, 3)]],
    ["a partition of no topic", [partition(OTHER_ID, 0)]],
    ["a topic removed that was never there", [{ kind: "removeTopic", topicId: OTHER_ID }]],
    ["a config of no topic", [config("other", "retention.ms", "1")]],
    ["a change of a partition that is not there", [
      { kind: "partitionChange", partitionId: 7, topicId: ID, leader: 1, replicas: null, isr: null },
    ]],
  ])("refuses %s", (_, records) => {
    const image = new MetadataImage();
    image.apply(topic("orders", ID));
    expect(() => image.apply(records)).toThrow(CorruptMetadata);
  });
});
