/** One process at a time in a data folder: the lock that says so, and who has it. */
import { type FileLock, type FileSystem } from "../runtime/runtime.ts";
import { readTextIfPresent } from "./atomic_file.ts";
import { StorageError } from "./errors.ts";

export const LOCK_FILE = ".lock";

/** @throws {StorageError} "LOCKED" when another process has it */
export function lockFolder(files: FileSystem, path: string): FileLock {
  const lock = files.lock(`${path}/${LOCK_FILE}`);
  if (lock !== null) return lock;
  const owner = /^\d+$/m.exec(textOf(files, `${path}/${LOCK_FILE}`))?.[0];
  const who = owner === undefined ? "another process" : `process ${owner}`;
  throw new StorageError(
    `Cannot use folder "${path}": ${who} has locked it ("${LOCK_FILE}"); stop that one, or choose another folder with --data`,
    "LOCKED",
  );
}

function textOf(files: FileSystem, path: string): string {
  try {
    return readTextIfPresent(files, path) ?? "";
  } catch {
    return ""; // Then nobody is named.
  }
}
