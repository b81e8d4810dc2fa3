/**
 * `.kafka_cleanshutdown`, the marker that a data folder was closed in order: what its files say can be believed without
 * reading the logs.
 *
 * (1) Written last at close, when all logs, indexes, snapshots and checkpoints are synced.
 * (2) Gone, durably, before anything is written after an open. A marker that came back after a power cut would vouch for
 *     logs that were torn by it.
 */
import { type FileSystem } from "../runtime/runtime.ts";
import { writeFileAtomically } from "./atomic_file.ts";

export const CLEAN_SHUTDOWN_FILE = ".kafka_cleanshutdown";

export function writeCleanShutdown(files: FileSystem, directory: string): void {
  writeFileAtomically(files, `${directory}/${CLEAN_SHUTDOWN_FILE}`, `{"version":0,"brokerEpoch":-1}`);
}

/** Whether the folder was closed in order. Asking takes the marker away (2). */
export function takeCleanShutdown(files: FileSystem, directory: string): boolean {
  const path = `${directory}/${CLEAN_SHUTDOWN_FILE}`;
  if (files.stat(path) === null) return false;
  files.remove(path);
  files.syncDirectory(directory);
  return true;
}
