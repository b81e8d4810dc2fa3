/**
 * Logs in the data folder that no topic of the metadata owns: looked for at start, before partitions are opened.
 *
 * Metadata comes first: a topic is made there before its folders, and removed there before them. So a folder without its
 * topic is either the rest of a deletion that a crash interrupted, or nothing we can explain (a folder put back from a
 * backup, metadata that was lost). The first kind goes; the second is renamed to `-stray` and kept, as in Kafka: its
 * records may be the only copy.
 *
 *   topic of that name   id of the folder       what becomes of it
 *   same id              that id                stays
 *   there                cannot be read         stays as it is, offline
 *   gone                 cannot be read         set aside
 *   there                none                   gets its id: a power cut took the file before the log was ever synced
 *   any                  none, and no records   deleted
 *   any                  known as removed       deleted
 *   any                  anything else          set aside
 *
 * The fourth line is safe because a deleted topic's folders are renamed, durably, before one of its name can be made.
 */
import { ZERO_UUID } from "../../protocol/schema.ts";
import type { Log } from "../../storage/log.ts";
import type { LogDir } from "../../storage/log_dir.ts";
import type { Logger } from "../log.ts";
import type { Cluster } from "./cluster.ts";
import { METADATA_TOPIC } from "./topic_name.ts";

export function clearStrayLogs(options: {
  readonly cluster: Cluster;
  readonly logDir: LogDir;
  readonly logger: Logger;
}): void {
  const { cluster, logDir, logger } = options;
  for (const log of [...logDir.logs()]) {
    const fate = fateOf(log, cluster);
    if (fate === "stays") continue;
    if (fate === "identified") {
      logDir.identify(log, cluster.topic(log.topic)!.id);
      continue;
    }
    const facts = { log: log.name, topicId: log.topicId, records: log.logEndOffset - log.logStartOffset };
    if (fate === "deleted") {
      logger.info("left-over log deleted", facts);
      logDir.deleteLogs([log]);
    } else {
      const path = logDir.setAside(log);
      logger.warn("log without a topic set aside", { ...facts, path });
    }
  }
}

function fateOf(log: Log, cluster: Cluster): "stays" | "identified" | "deleted" | "set aside" {
  if (log.topic === METADATA_TOPIC) return "stays";
  const topic = cluster.topic(log.topic);
  // It may hold records of any topic, and what it says is not to be written over.
  if (log.isOffline && log.topicId === ZERO_UUID) return topic === undefined ? "set aside" : "stays";
  if (topic !== undefined && log.partition < topic.partitions.length) {
    if (log.topicId === topic.id) return "stays";
    if (log.topicId === ZERO_UUID) return "identified";
  }
  const isUnfinished = log.topicId === ZERO_UUID && log.logEndOffset === 0;
  return isUnfinished || cluster.wasRemoved(log.topicId) ? "deleted" : "set aside";
}
