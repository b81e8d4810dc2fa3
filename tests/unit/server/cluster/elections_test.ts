import { describe, expect, test } from "bun:test";
import { ErrorCode, errorName, ProtocolError } from "../../../../protocol/errors.ts";
import { ElectionType, planElections, type TopicPartitions } from "../../../../server/cluster/elections.ts";
import { MetadataImage } from "../../../../server/cluster/image.ts";

const topicId = "cwbE3fu4QRulFjkHsq9GAw";
const { PREFERRED, UNCLEAN } = ElectionType;

/** A topic "t" whose partitions are [leader, replicas, in-sync replicas]. */
function imageOf(...partitions: readonly (readonly [number, readonly number[], readonly number[]])[]): MetadataImage {
  const image = new MetadataImage();
  image.apply([
    { kind: "topic", name: "t", topicId },
    ...partitions.map(([leader, replicas, isr], partitionId) => ({
      kind: "partition" as const,
      ...{ partitionId, topicId, leader, replicas, isr, leaderEpoch: 4, partitionEpoch: 0 },
    })),
  ]);
  return image;
}

/** What became of each partition, and who leads now, with the leader epoch. */
function elect(image: MetadataImage, type: number, topics: readonly TopicPartitions[] | null, aliveIds = [1]) {
  const { records, outcome } = planElections(image, type, topics, aliveIds);
  image.apply(records);
  return {
    results: outcome.map(({ topic, partitions }) => [
      topic,
      ...partitions.map(({ index, error }) => `${index}: ${errorName(error?.code ?? ErrorCode.NONE)}`),
    ]),
    leaders: image.topic("t")!.partitions.map(({ leaderId, leaderEpoch, isr }) => [leaderId, leaderEpoch, isr]),
  };
}

describe("elections", () => {
  test("change nothing where the first replica leads", () => {
    const image = imageOf([1, [1], [1]], [1, [1, 2], [1]]);
    const asked = [{ topic: "t", partitions: [0, 1] }];
    for (const type of [PREFERRED, UNCLEAN]) {
      const { results, leaders } = elect(image, type, asked);
      expect(results).toEqual([["t", "0: ELECTION_NOT_NEEDED", "1: ELECTION_NOT_NEEDED"]]);
      expect(leaders).toEqual([[1, 4, [1]], [1, 4, [1]]]);
    }
  });

  test("give the preferred replica the lead in a new epoch, where it is alive and in sync", () => {
    const image = imageOf([2, [1, 2], [2, 1]], [1, [2, 1], [1, 2]], [2, [1, 2], [2]]);
    const { results, leaders } = elect(image, PREFERRED, [{ topic: "t", partitions: [0, 1, 2] }]);
    expect(results).toEqual([[
      "t",
      "0: NONE",
      "1: PREFERRED_LEADER_NOT_AVAILABLE",
      "2: PREFERRED_LEADER_NOT_AVAILABLE",
    ]]);
    expect(leaders).toEqual([[1, 5, [2, 1]], [1, 4, [1, 2]], [2, 4, [2]]]);
  });

  test("that are unclean take whoever is alive, who is then in sync alone", () => {
    const image = imageOf([-1, [2, 1], [2]], [-1, [2, 1], [2, 1]], [-1, [2, 3], [2]]);
    const { results, leaders } = elect(image, UNCLEAN, [{ topic: "t", partitions: [0, 1, 2] }]);
    expect(results).toEqual([["t", "0: NONE", "1: NONE", "2: ELIGIBLE_LEADERS_NOT_AVAILABLE"]]);
    expect(leaders).toEqual([[1, 5, [1]], [1, 5, [2, 1]], [-1, 4, [2]]]);
  });

  test("of all partitions tell only of those that needed one", () => {
    const image = imageOf([1, [1], [1]], [2, [1, 2], [1, 2]]);
    expect(elect(image, PREFERRED, null).results).toEqual([["t", "1: NONE"]]);
    expect(elect(image, PREFERRED, null).results).toEqual([["t"]]);
  });

  test("are held once for a partition that is named twice", () => {
    const image = imageOf([2, [1, 2], [1, 2]]);
    const { results, leaders } = elect(image, PREFERRED, [{ topic: "t", partitions: [0, 0] }]);
    expect(results).toEqual([["t", "0: NONE", "0: NONE"]]);
    expect(leaders).toEqual([[1, 5, [1, 2]]]);
  });

  test("need a partition that is there and a type that exists", () => {
    const image = imageOf([1, [1], [1]]);
    const asked = [{ topic: "t", partitions: [-1, 1] }, { topic: "u", partitions: [0] }];
    expect(elect(image, PREFERRED, asked).results).toEqual([
      ["t", "-1: UNKNOWN_TOPIC_OR_PARTITION", "1: UNKNOWN_TOPIC_OR_PARTITION"],
      ["u", "0: UNKNOWN_TOPIC_OR_PARTITION"],
    ]);
    expect(() => planElections(image, 2, asked, [1])).toThrow(ProtocolError);
  });
});
