/** Consumers at the tail while producers write: one group, and ten that each get all of it and commit where they are. */

import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import { wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AnsweredError } from "../../tests/support/requests.ts";
import { fetchAll } from "../load.ts";
import type { Subject } from "../run/contender.ts";
import { brokerCpu, cpuDuring, mebibyte, rateOf, type SharedRow } from "./row.ts";

const partitionCount = 6;
const fetchBytes = mebibyte;
const commitPeriodMs = 500;

export const followRows: readonly SharedRow[] = [
  followRow("tail, one group", 1, 512 * mebibyte),
  followRow("fan-out, ten groups", 10, 128 * mebibyte),
];

function followRow(name: string, groupCount: number, fullBytes: number): SharedRow {
  return {
    kind: "shared",
    name: `${name} while 64 KiB batches are produced`,
    passes: ["os"],
    measure: async (subject, { scale, generator, freshName }) => {
      const topic = freshName("follow");
      await subject.makeTopic(topic, partitionCount);
      const totalBytes = fullBytes * scale;
      const startMs = performance.now();
      const { value: consumedBytes, cpuSeconds } = await cpuDuring(subject, async () => {
        const following = Array.from(
          { length: groupCount },
          (_, index) => follow(subject, { topic, group: `${topic}-${index}`, totalBytes }),
        );
        const load = { port: subject.port, topic, partitionCount, totalBytes };
        await generator.produce({ ...load, recordBytes: 1024, batchBytes: [65_536] });
        return (await Promise.all(following)).reduce((sum, bytes) => sum + bytes);
      });
      const seconds = (performance.now() - startMs) / 1000;
      await subject.deleteTopic(topic);
      return [
        rateOf({ bytes: consumedBytes, seconds }),
        brokerCpu(cpuSeconds, consumedBytes),
      ];
    },
  };
}

/** Reads so much as it comes; resolves to the bytes of what came. */
async function follow(
  subject: Subject,
  { topic, group, totalBytes }: { readonly topic: string; readonly group: string; readonly totalBytes: number },
): Promise<number> {
  const client = await subject.connect();
  const offsets = new Array<number>(partitionCount).fill(0);
  let bytes = 0;
  let committedMs = performance.now();
  while (bytes < totalBytes) {
    for (const fetched of await fetchAll(client, { topic, offsets, fetchBytes })) {
      const { partitionIndex, errorCode, records } = fetched;
      if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot fetch from ${topic}`);
      for (const { nextOffset, sizeBytes } of wholeBatches(records ?? new Uint8Array(0))) {
        offsets[partitionIndex] = nextOffset;
        bytes += sizeBytes;
      }
    }
    if (performance.now() - committedMs < commitPeriodMs) continue;
    committedMs = performance.now();
    const { topics } = await client.send(offsetCommit, 8, {
      groupId: group,
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [{
        name: topic,
        partitions: offsets.map((committedOffset, partitionIndex) => ({
          partitionIndex,
          committedOffset,
          committedMetadata: null,
        })),
      }],
    });
    const code = topics[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    // Kafka makes the topic of offsets at its first use, and the first to come may find it not there yet.
    if (code !== ErrorCode.NONE && code !== ErrorCode.NOT_COORDINATOR && code !== ErrorCode.COORDINATOR_NOT_AVAILABLE) {
      throw new AnsweredError(code, `Cannot commit offsets of ${group}`);
    }
  }
  client.close();
  return bytes;
}
