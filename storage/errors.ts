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

/** True for a disk that is full now and may not be later. */
export function isDiskFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}
