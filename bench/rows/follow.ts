/** Consumers at the tail while producers write: one group, and ten that each get all of it and commit where they are. */

import { brokerCpu, cpuDuring, mebibyte, rateOf, type SharedRow } from "./row.ts";

const partitionCount = 6;

export const followRows: readonly SharedRow[] = [
  followRow("tail, one group", 1, 512 * mebibyte),
  followRow("fan-out, ten groups", 10, 128 * mebibyte),
];

/**
 * The coordinator's work is in the broker's CPU time: of each group a commit and a heartbeat twice a second, which is more than
 * Java's consumer asks for, and the last commit and the leaving. Joining is not: Kafka waits three seconds for more members, and
 * what its idle threads take meanwhile says nothing. The rate counts from the first batch to the last.
 */
function followRow(name: string, groupCount: number, fullBytes: number): SharedRow {
  return {
    kind: "shared",
    name: `${name} while 64 KiB batches are produced`,
    passes: ["os"],
    writtenBytes: fullBytes,
    limits: ["sendfile", "mmap", "unpaced"],
    measure: async (subject, { scale, generator, freshName }) => {
      const topic = freshName("follow");
      await subject.makeTopic(topic, partitionCount);
      const load = { port: subject.port, partitionCount, totalBytes: fullBytes * scale };
      const { done } = await generator.followInGroups({ ...load, groupCount, groupStem: topic, name: topic });
      const { value, cpuSeconds } = await cpuDuring(subject, async () => {
        await generator.produce({ ...load, topic, recordBytes: 1024, batchBytes: [65_536] });
        return await done;
      });
      await subject.deleteTopic(topic);
      return [rateOf(value), brokerCpu(cpuSeconds, value.bytes)];
    },
  };
}
