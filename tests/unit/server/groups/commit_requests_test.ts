import { describe, expect, test } from "bun:test";
import type { Topic } from "../../../../server/cluster/cluster.ts";
import { commitTopics } from "../../../../server/groups/commit_requests.ts";

const partition = { index: 0, leaderId: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], isr: [1] };
const topic: Topic = { name: "here", id: "idOfHere", isInternal: false, partitions: [partition], configs: new Map() };
const cluster = {
  topic: (name: string) => name === topic.name ? topic : undefined,
  topicById: (id: string) => id === topic.id ? topic : undefined,
};

describe("topics without partitions, as Kafka answers them", () => {
  for (const isById of [false, true]) {
    test(`are named where they are not there, asked for by ${isById ? "id" : "name"}, and left out where they are`, async () => {
      const asked = [
        { name: "here", topicId: "idOfHere", partitions: [] },
        { name: "gone", topicId: "idOfGone", partitions: [] },
      ];
      const answered = await commitTopics(
        asked,
        { cluster, isById },
        () => Promise.reject(new Error("nothing to commit")),
      );
      expect(answered).toEqual([{ name: "gone", topicId: "idOfGone", partitions: [] }]);
    });
  }
});
