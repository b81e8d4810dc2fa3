/** What the small files of a data folder hold: snapshots of producers, checkpoints, whose folder it is. */
import type { FileSystem } from "../runtime/runtime.ts";
import {
  CLEANER_OFFSET_FILE,
  LOG_START_OFFSET_FILE,
  readCheckpointLines,
  RECOVERY_POINT_FILE,
} from "../storage/checkpoint.ts";
import { CLEAN_SHUTDOWN_FILE } from "../storage/clean_shutdown.ts";
import { StorageError } from "../storage/errors.ts";
import { LEADER_EPOCH_FILE, LeaderEpochs } from "../storage/leader_epochs.ts";
import { readOffsetCheckpoint } from "../storage/checkpoint.ts";
import { CLEAN_SIZE_FILE, readCleanSizes } from "../storage/clean_sizes.ts";
import { PARTITION_METADATA_FILE, readPartitionMetadata } from "../storage/partition_metadata.ts";
import { parseMetaProperties } from "../storage/meta_properties.ts";
import { decodeProducerSnapshot } from "../storage/producer_snapshot.ts";
import { type InspectOutput, type Row, timeOf } from "./inspect_output.ts";

/** Kafka's, of a broker that follows others. */
export const REPLICATION_FILE = "replication-offset-checkpoint";
export const META_PROPERTIES_FILE = "meta.properties";
/** Kafka's: how its controllers last voted. */
const QUORUM_STATE_FILE = "quorum-state";
export const OFFSET_CHECKPOINT_FILES: readonly string[] = [
  RECOVERY_POINT_FILE,
  LOG_START_OFFSET_FILE,
  REPLICATION_FILE,
  CLEANER_OFFSET_FILE,
];

/** More than any of them has; what is larger is something else. */
const SMALL_BYTES_MAX = 64 * 1024 * 1024;

export function inspectProducerSnapshot(files: FileSystem, path: string, output: InspectOutput): Row {
  const producers = decodeProducerSnapshot(readSmall(files, path));
  if (typeof producers === "string") {
    output.problem(path, producers);
    return { producers: null };
  }
  for (const producer of producers) {
    const { lastTimestampMs, currentTransactionFirstOffset, ...rest } = producer;
    output.row("producer", {
      ...rest,
      lastTime: timeOf(lastTimestampMs),
      lastTimestamp: lastTimestampMs,
      openTransaction: currentTransactionFirstOffset < 0 ? null : currentTransactionFirstOffset,
    });
  }
  return { producers: producers.length };
}

/** What kind of small file a name is of; null for one that is none. */
export function smallFileKind(name: string): string | null {
  if (OFFSET_CHECKPOINT_FILES.includes(name)) return "offsets by partition";
  switch (name) {
    case LEADER_EPOCH_FILE:
      return "leader epochs";
    case PARTITION_METADATA_FILE:
      return "the topic of a partition";
    case META_PROPERTIES_FILE:
      return "whose folder it is";
    case CLEAN_SHUTDOWN_FILE:
      return "marker of a shutdown in order";
    case CLEAN_SIZE_FILE:
      return "sizes at a shutdown in order";
    case QUORUM_STATE_FILE:
      return "state of Kafka's controllers";
  }
  return null;
}

/** @throws {StorageError | FileError} */
export function inspectSmallFile(files: FileSystem, path: string, output: InspectOutput): Row {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const directory = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  if (OFFSET_CHECKPOINT_FILES.includes(name)) {
    const lines = readCheckpointLines(files, path, 3);
    readOffsetCheckpoint(files, path); // its checks
    for (const [topic, partition, offset] of lines) {
      output.row("checkpoint", { topic: topic!, partition: Number(partition), offset: Number(offset) });
    }
    return { entries: lines.length };
  }
  switch (name) {
    case LEADER_EPOCH_FILE: {
      const { entries } = LeaderEpochs.open(files, directory);
      for (const { epoch, startOffset } of entries) output.row("leaderEpoch", { epoch, startOffset });
      return { entries: entries.length };
    }
    case PARTITION_METADATA_FILE: {
      const topicId = readPartitionMetadata(files, directory);
      if (topicId === null) output.problem(path, "it does not say of which topic the partition is");
      output.row("property", { name: "topic_id", value: topicId });
      return {};
    }
    case CLEAN_SIZE_FILE: {
      const sizes = readCleanSizes(files, path);
      for (const { topic, partition, baseOffset, endOffset, sizeBytes } of sizes) {
        output.row("closedSize", { topic, partition, baseOffset, endOffset, sizeBytes });
      }
      return { entries: sizes.length };
    }
    case META_PROPERTIES_FILE:
      for (const [name, value] of Object.entries(parseMetaProperties(path, readText(files, path)))) {
        output.row("property", { name, value });
      }
      return {};
    default: {
      const text = readText(files, path);
      try {
        for (const [name, value] of Object.entries(JSON.parse(text) as Record<string, unknown>)) {
          output.row("property", { name, value: typeof value === "number" ? value : JSON.stringify(value) });
        }
      } catch {
        // Kafka before 3.6 wrote an empty marker.
        if (text !== "") output.problem(path, "it is not JSON");
      }
      return {};
    }
  }
}

function readText(files: FileSystem, path: string): string {
  return new TextDecoder().decode(readSmall(files, path));
}

function readSmall(files: FileSystem, path: string): Uint8Array {
  const sizeBytes = files.stat(path)?.sizeBytes ?? 0;
  if (sizeBytes > SMALL_BYTES_MAX) {
    throw new StorageError(
      `Cannot inspect "${path}": ${sizeBytes} bytes are too many for a file of this name`,
      "CORRUPT",
    );
  }
  return files.readFile(path);
}
