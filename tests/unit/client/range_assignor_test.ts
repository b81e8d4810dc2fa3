import { describe, expect, test } from "bun:test";
import { assignRanges, type GroupMemberInfo } from "../../../client/range_assignor.ts";

const member = (memberId: string, topics: string[], groupInstanceId: string | null = null): GroupMemberInfo => ({
  memberId,
  topics,
  groupInstanceId,
});
const assigned = (members: GroupMemberInfo[], counts: Record<string, number>) =>
  Object.fromEntries(assignRanges(members, new Map(Object.entries(counts))));

describe("assignRanges", () => {
  test("gives runs of partitions, the first members one more", () => {
    expect(assigned([member("b", ["t"]), member("a", ["t"]), member("c", ["t"])], { t: 8 })).toEqual({
      a: [{ topic: "t", partitions: [0, 1, 2] }],
      b: [{ topic: "t", partitions: [3, 4, 5] }],
      c: [{ topic: "t", partitions: [6, 7] }],
    });
  });

  test("gives nothing to members beyond the partitions", () => {
    expect(assigned([member("a", ["t"]), member("b", ["t"])], { t: 1 })).toEqual({
      a: [{ topic: "t", partitions: [0] }],
      b: [],
    });
  });

  test("shares a topic out among those who want it", () => {
    expect(assigned([member("a", ["t", "u"]), member("b", ["u"])], { t: 2, u: 2 })).toEqual({
      a: [{ topic: "t", partitions: [0, 1] }, { topic: "u", partitions: [0] }],
      b: [{ topic: "u", partitions: [1] }],
    });
  });

  test("sorts members with an instance id first, by it", () => {
    expect(assigned([member("a", ["t"]), member("z", ["t"], "1"), member("y", ["t"], "2")], { t: 3 })).toEqual({
      z: [{ topic: "t", partitions: [0] }],
      y: [{ topic: "t", partitions: [1] }],
      a: [{ topic: "t", partitions: [2] }],
    });
  });

  test("gives nothing of a topic that does not exist", () => {
    expect(assigned([member("a", ["t"])], {})).toEqual({ a: [] });
  });
});
