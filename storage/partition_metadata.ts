/**
 * `partition.metadata`: which topic a partition's folder belongs to, by id, so that a topic deleted and made again under
 * its old name does not find its old records. Kafka's form:
 *
 *   version: 0
 *   topic_id: 3Nr4HWPKQv-Oyg9jCTlOPg
 *
 * (1) Durable before the first record of the folder is: the log's first sync brings it to the disk (`log_sync.ts`). A log that
 *     was never synced may come out of a power cut with a file of any content; that is taken for one that does not say.
 */
import { type FileSystem } from "../runtime/runtime.ts";
import { readTextIfPresent, writeFileAtomically } from "./atomic_file.ts";
import { StorageError } from "./errors.ts";

export const PARTITION_METADATA_FILE = "partition.metadata";

/** Writes the file. `durable: false` leaves bringing it to the disk to `syncPartitionMetadata`. */
export function writePartitionMetadata(
  files: FileSystem,
  directory: string,
  topicId: string,
  options: { readonly durable: boolean },
): void {
  writeFileAtomically(
    files,
    `${directory}/${PARTITION_METADATA_FILE}`,
    `version: 0\ntopic_id: ${topicId}`,
    options,
  );
}

/** Brings the file to the disk, where there is one. */
export async function syncPartitionMetadata(files: FileSystem, directory: string): Promise<void> {
  const path = `${directory}/${PARTITION_METADATA_FILE}`;
  if (files.stat(path) === null) return;
  const handle = files.open(path, {});
  try {
    await handle.syncData();
  } finally {
    handle.close();
  }
}

/** The topic's id; null when the folder does not say. */
export function readPartitionMetadata(files: FileSystem, directory: string): string | null {
  const path = `${directory}/${PARTITION_METADATA_FILE}`;
  const text = readTextIfPresent(files, path);
  if (text === null) return null;
  const version = /^version: ?(\d+)$/m.exec(text)?.[1];
  if (version !== undefined && version !== "0") {
    throw new StorageError(
      `Cannot understand "${path}": its version is ${version}, this program knows 0; start the program that wrote it`,
      "VERSION",
    );
  }
  return /^topic_id: ?([\w-]{22})$/m.exec(text)?.[1] ?? null; // (1)
}
