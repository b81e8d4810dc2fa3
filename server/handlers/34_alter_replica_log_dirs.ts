/**
 * AlterReplicaLogDirs: v0–v2.
 *
 * v1 throttling after the answer · v2 flexible
 *
 * There is one data folder, so everything is where it can be already; any other is not found (LOG_DIR_NOT_FOUND). Of a partition
 * named twice the last folder counts, as in Kafka.
 */
import { alterReplicaLogDirs } from "../../protocol/api/34_alter_replica_log_dirs.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { handle } from "../handler.ts";

/** Kafka's folders of partitions on the move have a longer name, which must fit. */
const topicNameLengthMax = 214;

export const alterReplicaLogDirsHandler = handle(alterReplicaLogDirs, [0, 2], ({ dirs }, { broker }) => {
  const foldersByTopic = new Map<string, Map<number, string>>();
  for (const { path, topics } of dirs) {
    for (const { name, partitions } of topics) {
      if (partitions.length === 0) continue;
      let folders = foldersByTopic.get(name);
      if (folders === undefined) foldersByTopic.set(name, folders = new Map());
      for (const index of partitions) folders.set(index, path);
    }
  }
  const results = Array.from(foldersByTopic, ([topicName, folders]) => ({
    topicName,
    partitions: Array.from(folders, ([partitionIndex, path]) => ({
      partitionIndex,
      errorCode: move(broker, topicName, partitionIndex, path),
    })),
  }));
  return { throttleTimeMs: 0, results };
});

function move({ logDir, partitions }: Broker, topic: string, index: number, path: string): number {
  if (topic.length > topicNameLengthMax) return ErrorCode.INVALID_TOPIC_EXCEPTION;
  if (path !== logDir.path) return ErrorCode.LOG_DIR_NOT_FOUND;
  const partition = partitions.get(topic, index);
  if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return partition.log.isOffline ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NONE;
}
