import { describe, expect, test } from "bun:test";
import { groupHash, topicHash } from "../../../../../server/groups/consumer/metadata_hash.ts";
import { topicIdOf } from "./topics.ts";

const topic = { id: topicIdOf(1), name: "t", racks: [[], []] as string[][] };

describe("the hash of a topic changes with", () => {
  const others: readonly (readonly [string, Partial<typeof topic>])[] = [
    ["its id", { id: topicIdOf(2) }],
    ["its name", { name: "u" }],
    ["the number of its partitions", { racks: [[], [], []] }],
    ["the racks of its replicas", { racks: [["r"], []] }],
    ["where they are", { racks: [[], ["r"]] }],
  ];
  test.each(others)("%s", (_what, changes) => {
    expect(topicHash({ ...topic, ...changes })).not.toBe(topicHash(topic));
  });

  test("not with the order of racks", () => {
    expect(topicHash({ ...topic, racks: [["a", "b"], []] })).toBe(topicHash({ ...topic, racks: [["b", "a"], []] }));
  });
});

test("without topics the hash is 0, and it depends on their order", () => {
  expect(groupHash([])).toBe(0n);
  expect(groupHash([1n, 2n])).not.toBe(groupHash([2n, 1n]));
});
