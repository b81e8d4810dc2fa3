/** What is asked of a share group's offsets that no client asks: what is named twice, and what cannot be. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeShareGroupOffsets } from "../../../../protocol/api/90_describe_share_group_offsets.ts";
import { alterShareGroupOffsets } from "../../../../protocol/api/91_alter_share_group_offsets.ts";
import { deleteShareGroupOffsets } from "../../../../protocol/api/92_delete_share_group_offsets.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { ShareWorld } from "./share_world.ts";

const { NONE, UNKNOWN_SERVER_ERROR, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;
let world: ShareWorld;

beforeEach(async () => {
  world = await ShareWorld.start();
  await world.createTopic(2);
  await alter([{ topicName: "t", partitions: [at(0, 4), at(1, 5)] }]);
});

afterEach(() => world.server.stop());

function at(partitionIndex: number, startOffset: number) {
  return { partitionIndex, startOffset };
}

async function alter(topics: { topicName: string; partitions: ReturnType<typeof at>[] }[], groupId = "g") {
  const { errorCode, responses } = await world.client.send(alterShareGroupOffsets, 0, { groupId, topics });
  const answers = responses.map(({ topicName, partitions }) => [
    topicName,
    ...partitions.map((partition) => [partition.partitionIndex, partition.errorCode]),
  ]);
  return [errorCode, ...answers];
}

async function offsets(topics: { topicName: string; partitions: number[] }[] | null, groupId = "g") {
  const { groups } = await world.client.send(describeShareGroupOffsets, 1, { groups: [{ groupId, topics }] });
  const answers = groups[0]!.topics.map(({ topicName, partitions }) => [
    topicName,
    ...partitions.map(({ partitionIndex, startOffset }) => [partitionIndex, startOffset]),
  ]);
  return [groups[0]!.errorCode, ...answers];
}

test("DescribeShareGroupOffsets answers what is named twice once, but for topics that are not there", async () => {
  const twice = { topicName: "t", partitions: [0, 0] };
  const never = { topicName: "never", partitions: [0, 0] };
  expect(await offsets([twice, never, { topicName: "t", partitions: [1] }, never]))
    .toEqual([NONE, ["t", [0, 4], [1, 5]], ["never", [0, -1], [0, -1]], ["never", [0, -1], [0, -1]]]);
});

test("DescribeShareGroupOffsets fails for a group when it names a partition below 0 of a topic that is there", async () => {
  const known = { topicName: "t", partitions: [0, -1] };
  expect(await offsets([{ topicName: "never", partitions: [0] }, known])).toEqual([UNKNOWN_SERVER_ERROR]);
  expect(await offsets([{ topicName: "never", partitions: [-1] }])).toEqual([NONE, ["never", [-1, -1]]]);
  expect(await offsets([{ topicName: "t", partitions: [0] }], "")).toEqual([UNKNOWN_SERVER_ERROR]);
});

test("AlterShareGroupOffsets answers a topic named twice once, and puts a partition where it is named last", async () => {
  expect(
    await alter([
      { topicName: "t", partitions: [at(0, 1), at(0, 2), at(9, 1)] },
      { topicName: "never", partitions: [at(0, 1)] },
      { topicName: "t", partitions: [at(0, 3)] },
    ]),
  ).toEqual([
    NONE,
    ["t", [0, NONE], [0, NONE], [9, UNKNOWN_TOPIC_OR_PARTITION], [0, NONE]],
    ["never", [0, UNKNOWN_TOPIC_OR_PARTITION]],
  ]);
  expect(await offsets(null)).toEqual([NONE, ["t", [0, 3], [1, 5]]]);
});

test("AlterShareGroupOffsets does not name topics that are not there and were asked nothing of", async () => {
  expect(await alter([{ topicName: "never", partitions: [] }, { topicName: "t", partitions: [] }])).toEqual([NONE, [
    "t",
  ]]);
});

test("DescribeShareGroupOffsets tells of a group that was put as far away as can be", async () => {
  const [least, most] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  await alter([{ topicName: "t", partitions: [at(0, least), at(1, most)] }]);
  expect(await offsets(null)).toEqual([NONE, ["t", [0, least], [1, most]]]);
});

test("AlterShareGroupOffsets changes nothing when it names a partition below 0 of a topic that is there", async () => {
  expect(await alter([{ topicName: "t", partitions: [at(0, 1), at(-1, 1)] }])).toEqual([UNKNOWN_SERVER_ERROR]);
  expect(await offsets(null)).toEqual([NONE, ["t", [0, 4], [1, 5]]]);
  expect(await alter([{ topicName: "never", partitions: [at(-1, 1)] }]))
    .toEqual([NONE, ["never", [-1, UNKNOWN_TOPIC_OR_PARTITION]]]);
});

test("DeleteShareGroupOffsets answers a topic named twice once", async () => {
  const topics = ["t", "never", "t", "never"].map((topicName) => ({ topicName }));
  const { responses } = await world.client.send(deleteShareGroupOffsets, 0, { groupId: "g", topics });
  expect(responses.map(({ topicName, errorCode }) => [topicName, errorCode])).toEqual([
    ["t", NONE],
    ["never", UNKNOWN_TOPIC_OR_PARTITION],
    ["never", UNKNOWN_TOPIC_OR_PARTITION],
  ]);
});
