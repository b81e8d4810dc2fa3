/**
 * `partition.metadata`: which topic a partition's folder belongs to, by id, so that a topic deleted and made again under
 * its old name does not find its old records. Kafka's form:
 *
 *   version: 0
 *   topic_id: 3Nr4HWPKQv-Oyg9jCTlOPg
 *
 * (1) Durable before the first append to the folder.
 */
import { type FileSystem } from "../runtime/runtime.ts";
import { readTextIfPresent, writeFileAtomically } from "./atomic_file.ts";
import { StorageError } from "./errors.ts";

export const PARTITION_METADATA_FILE = "partition.metadata";

export function writePartitionMetadata(files: FileSystem, directory: string, topicId: string): void {
  writeFileAtomically(files, `${directory}/${PARTITION_METADATA_FILE}`, `version: 0\ntopic_id: ${topicId}`);
}

/** The topic's id; null when the folder does not say. */
export function readPartitionMetadata(files: FileSystem, directory: string): string | null {
  const path = `${directory}/${PARTITION_METADATA_FILE}`;
  const text = readTextIfPresent(files, path);
  if (text === null) return null;
  const version = /^version: ?(\S+)/m.exec(text)?.[1];
  const topicId = /^topic_id: ?(\S+)/m.exec(text)?.[1];
  if (version !== "0" || topicId === undefined) {
    throw new StorageError(
      `Cannot understand "${path}": "${text.slice(0, 80)}"`,
      version === "0" ? "CORRUPT" : "VERSION",
    );
  }
  return topicId;
}
