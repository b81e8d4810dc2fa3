import { describe, expect, test } from "bun:test";
import { ErrorCode, errorName } from "../../../../protocol/errors.ts";
import { MetadataImage } from "../../../../server/cluster/image.ts";
import { changesPerRequestMax } from "../../../../server/cluster/planned.ts";
import { planReassignments } from "../../../../server/cluster/reassignments.ts";

const topicId = "cwbE3fu4QRulFjkHsq9GAw";

/** A topic "t" with partitions of these replicas, led by the last of them, in sync as far as said. */
function imageOf(...replicas: readonly (readonly number[])[]): MetadataImage {
  const image = new MetadataImage();
  image.apply([
    { kind: "topic", name: "t", topicId },
    ...replicas.map((ids, partitionId) => ({
      kind: "partition" as const,
      ...{ partitionId, topicId, leader: ids.at(-1)!, replicas: ids, isr: ids, leaderEpoch: 0, partitionEpoch: 0 },
    })),
  ]);
  return image;
}

function reassign(
  image: MetadataImage,
  partitionIndex: number,
  replicas: readonly number[] | null,
  options: { readonly mayChangeCount?: boolean; readonly name?: string } = {},
) {
  const { records, outcome } = planReassignments(
    image,
    [{ name: options.name ?? "t", partitions: [{ partitionIndex, replicas }] }],
    { brokerIds: [1], mayChangeCount: options.mayChangeCount ?? true },
  );
  image.apply(records);
  return errorName(outcome[0]!.partitions[0]!.error?.code ?? ErrorCode.NONE);
}

describe("reassignments", () => {
  test("to where a partition is change nothing", () => {
    const image = imageOf([1]);
    const before = image.topic("t");
    expect(reassign(image, 0, [1])).toBe("NONE");
    expect(image.topic("t")).toBe(before!);
  });

  test("that are not under way cannot be ended", () => {
    expect(reassign(imageOf([1]), 0, null)).toBe("NO_REASSIGNMENT_IN_PROGRESS");
  });

  test("need brokers that are there, each once, and one at least", () => {
    const image = imageOf([1]);
    for (const replicas of [[], [77], [1, 1], [1, 77], [-1]]) {
      expect([replicas, reassign(image, 0, replicas)]).toEqual([replicas, "INVALID_REPLICA_ASSIGNMENT"]);
    }
    expect(reassign(image, 1, [1])).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(reassign(image, 0, [1], { name: "u" })).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });

  test("leave this broker alone in place of it and brokers that are gone", () => {
    const image = imageOf([1, 2, 3], [2, 1]);
    expect(reassign(image, 0, [1])).toBe("NONE");
    expect(reassign(image, 1, [1])).toBe("NONE");
    const [one, other] = image.topic("t")!.partitions;
    expect([one!.leaderId, one!.leaderEpoch, one!.replicas, one!.isr]).toEqual([1, 1, [1], [1]]);
    expect([other!.leaderId, other!.leaderEpoch, other!.replicas, other!.isr]).toEqual([1, 0, [1], [1]]);
  });

  test("keep to the number of replicas where they must", () => {
    const image = imageOf([1, 2]);
    expect(reassign(image, 0, [1], { mayChangeCount: false })).toBe("INVALID_REPLICATION_FACTOR");
    expect(image.topic("t")!.partitions[0]!.replicas).toEqual([1, 2]);
  });

  test("of more partitions than one request may change are those of all there are, or refused by their number", () => {
    const image = imageOf(...Array.from({ length: changesPerRequestMax + 2 }, () => [1]));
    const planOf = (count: number) => {
      const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, replicas: [1] }));
      return planReassignments(image, [{ name: "t", partitions }], { brokerIds: [1], mayChangeCount: true }).outcome;
    };
    expect(planOf(changesPerRequestMax + 2)[0]!.partitions.filter(({ error }) => error !== null)).toEqual([]);
    expect(() => planOf(changesPerRequestMax + 3)).toThrow("excessively large");
  });

  test("do not go to a broker that lacks records nobody could give it", () => {
    const image = imageOf([2]);
    expect(reassign(image, 0, [1])).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(image.topic("t")!.partitions[0]!.replicas).toEqual([2]);
  });
});
