/**
 * DescribeLogDirs: v0–v5.
 *
 * v1 throttling after the answer · v2 flexible · v3 an error for the whole · v4 size of the volume (KIP-827) · v5 cordoned
 *
 * There is one data folder. Null topics mean all of them; what is asked for and not here is left out, as in Kafka. The
 * metadata's own log is not one of the broker's partitions.
 */
import { describeLogDirs, type DescribeLogDirsRequest } from "../../protocol/api/35_describe_log_dirs.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { handle } from "../handler.ts";
import type { Partition } from "../partitions/partition.ts";

export const describeLogDirsHandler = handle(describeLogDirs, [0, 5], (request, { broker }) => {
  const { files } = broker.runtime;
  const { path } = broker.logDir;
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    results: [{
      errorCode: ErrorCode.NONE,
      logDir: path,
      topics: askedTopics(broker, request),
      totalBytes: Math.min(files.totalBytes(path), Number.MAX_SAFE_INTEGER),
      usableBytes: Math.min(files.freeBytes(path), Number.MAX_SAFE_INTEGER),
    }],
  };
});

function askedTopics(broker: Broker, { topics }: DescribeLogDirsRequest) {
  const indexesByTopic = new Map<string, ReadonlySet<number>>(
    topics === null
      ? broker.cluster.topics().map(({ name, partitions }) => [name, new Set(partitions.keys())])
      : topics.map(({ topic, partitions }) => [topic, new Set(partitions)]),
  );
  const answers = [];
  for (const [name, indexes] of indexesByTopic) {
    const partitions = [];
    for (const index of indexes) {
      const partition = broker.partitions.get(name, index);
      if (partition !== undefined) partitions.push(describe(partition));
    }
    if (partitions.length > 0) answers.push({ name, partitions });
  }
  return answers;
}

/** The replica here is the leader, so nothing is behind. */
function describe({ index, log }: Partition) {
  return { partitionIndex: index, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false };
}
