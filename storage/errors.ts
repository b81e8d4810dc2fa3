/** What goes wrong in storage, and the assertion that stops us when the mistake is ours. */

/**
 * The disk, or what is on it, did not do what was asked. `code` is the operating system's ("ENOSPC", "EIO", …), or
 * "CORRUPT" for bytes that cannot be what we wrote, "OFFLINE" for a log that failed before, "LOCKED" for a folder in use,
 * "VERSION" for a folder from a newer program. A handler answers KAFKA_STORAGE_ERROR.
 */
export class StorageError extends Error {
  override readonly name = "StorageError";
  constructor(message: string, readonly code: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The offset is below the log's start or past its end. A handler answers OFFSET_OUT_OF_RANGE. */
export class OffsetOutOfRange extends Error {
  override readonly name = "OffsetOutOfRange";
  constructor(readonly offset: number, readonly logStartOffset: number, readonly logEndOffset: number) {
    super(`Offset ${offset} is outside of ${logStartOffset} to ${logEndOffset}`);
  }
}

/** Stops a program that is about to be wrong. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** The operating system's code of an error, or "UNKNOWN". */
export function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "UNKNOWN";
}

/** `cause` as a StorageError that says what was tried; one that already is, stays. */
export function storageError(action: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  if (cause instanceof AssertionError) throw cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(`${action}: ${reason}`, codeOf(cause), { cause });
}

/** What to tell of a batch that is damaged on the disk, where the log serves on. */
export function segmentDamaged(damage: {
  readonly file: string;
  readonly position: number;
  readonly offset: number;
  readonly problem: string;
}) {
  const todo =
    "stop the broker and restore the file from a backup, or, once nobody needs them, delete the records up to the " +
    "end of the batch at that offset; consumers that read it will report a wrong checksum";
  return { level: "error", event: "segment-damaged", facts: { ...damage, todo } } as const;
}

/** True for a disk that is full now and may not be later. */
export function isDiskFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** What a person can do about an error of the operating system; null where its message says it, or nothing is known. */
export function remedyFor(code: string): string | null {
  if (code in REMEDIES) return `${REMEDIES[code]}, then start the broker again`;
  return /^E[A-Z0-9]+$/.test(code) ? "look at the disk and the kernel's log, then start the broker again" : null;
}

const REMEDIES: Readonly<Record<string, string>> = {
  EIO: "the disk may be failing: look at it and the kernel's log",
  ENOSPC: "make room on the disk",
  EDQUOT: "raise the quota of the broker's user, or make room",
  EROFS: "the file system is read-only, as the kernel makes it when a disk fails: mount it for writing",
  EACCES: "let the broker's user read and write there",
  EPERM: "let the broker's user read and write there",
  EMFILE: "let the process open more files (ulimit -n)",
  ENFILE: "let the machine open more files (fs.file-max)",
  ENOMEM: "give the process more memory, or maps (vm.max_map_count)",
  ENOENT: "something else removed it: put it back",
  ENOTDIR: "a file is where a folder must be: choose another folder",
  ELOOP: "undo the circle of links",
};
