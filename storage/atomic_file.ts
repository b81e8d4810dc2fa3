/**
 * Small files that are replaced as a whole: checkpoints, metadata, snapshots.
 *
 * (1) At every moment the file's name leads to the complete old or the complete new content. The new content is written
 *     beside it, synced, and renamed over it.
 * (2) With `durable: true`, the new content survives a power cut once `writeFileAtomically` returns: the folder's entry is
 *     synced too. With "content" that is left to the caller, and a power cut may bring back the old content. With false the
 *     file may be left with any content.
 */
import { type FileSystem } from "../runtime/runtime.ts";
import { steadily } from "./steady_read.ts";

/** Replaces the file at `path` (1, 2). */
export function writeFileAtomically(
  files: FileSystem,
  path: string,
  content: Uint8Array | string,
  options: { readonly durable: boolean | "content" } = { durable: true },
): void {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const temporaryPath = `${path}.tmp`;
  const handle = files.open(temporaryPath, { create: true, truncate: true });
  try {
    handle.write([bytes], 0);
    if (options.durable !== false) handle.syncDataNow();
  } catch (error) {
    handle.close();
    removeQuietly(files, temporaryPath);
    throw error;
  }
  handle.close();
  renameOrRemove(files, temporaryPath, path);
  if (options.durable === true) files.syncDirectory(directoryOf(path));
}

/**
 * The same, its content durable and its sync off the loop; the folder's entry is left to the caller. One at a time to a file;
 * when the file was written on the loop meanwhile, which `isOvertaken` says, it stays as that has left it.
 */
export async function writeFileAtomicallyAsync(
  files: FileSystem,
  path: string,
  content: string,
  isOvertaken: () => boolean,
): Promise<void> {
  const temporaryPath = `${path}.later.tmp`;
  const handle = files.open(temporaryPath, { create: true, truncate: true });
  try {
    handle.write([new TextEncoder().encode(content)], 0);
    await handle.syncData();
  } catch (error) {
    removeQuietly(files, temporaryPath);
    throw error;
  } finally {
    handle.close();
  }
  if (isOvertaken()) return removeQuietly(files, temporaryPath);
  renameOrRemove(files, temporaryPath, path);
}

/** The file as text, null when there is none. Nothing in it would show a flipped bit: it is read until two reads agree. */
export function readTextIfPresent(files: FileSystem, path: string): string | null {
  const bytes = ifPresent(() => steadily(path, () => files.readFile(path)));
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

/** The file, null when there is none. Read once: for what has a checksum. */
export function readBytesIfPresent(files: FileSystem, path: string): Uint8Array | null {
  return ifPresent(() => files.readFile(path));
}

function ifPresent(read: () => Uint8Array): Uint8Array | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

export function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? (slash === 0 ? "/" : ".") : path.slice(0, slash);
}

/** What could not get its name takes room that a full disk may need for something else. */
function renameOrRemove(files: FileSystem, temporaryPath: string, path: string): void {
  try {
    files.rename(temporaryPath, path);
  } catch (error) {
    removeQuietly(files, temporaryPath);
    throw error;
  }
}

function removeQuietly(files: FileSystem, path: string): void {
  try {
    files.remove(path);
  } catch {
    // What matters is the error that led here.
  }
}
