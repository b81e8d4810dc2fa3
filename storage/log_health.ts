/**
 * Whether a log may be used, and the work it has under way that nobody waits for.
 *
 * (1) A log that could not write, or could not sync, for any other reason than a full disk is offline: it answers nothing
 *     until the process starts again and looks at what the disk has (`recovery.ts`). So is one whose producers or leader epochs
 *     cannot be read: it could take no append.
 * (2) Work in the background is supervised: its failure takes the log offline, and a log that ends waits for all of it.
 */
import { type StorageContext } from "./context.ts";
import { isDiskFull, remedyFor, StorageError, storageError } from "./errors.ts";

export class LogHealth {
  readonly #context: StorageContext;
  readonly #name: string;
  readonly #directory: string;
  readonly #background = new Set<Promise<void>>();
  #offlineCause: StorageError | null = null;
  /** The log is closed, or its folder was taken away. */
  isClosed = false;

  constructor(context: StorageContext, options: { readonly name: string; readonly directory: string }) {
    this.#context = context;
    this.#name = options.name;
    this.#directory = options.directory;
  }

  get isOffline(): boolean {
    return this.#offlineCause !== null;
  }

  get offlineCause(): StorageError | null {
    return this.#offlineCause;
  }

  /** Work under way off the loop. */
  get background(): ReadonlySet<Promise<void>> {
    return this.#background;
  }

  // hot: per batch
  assertOnline(): void {
    if (this.#offlineCause === null && !this.isClosed) return;
    const reason = this.#offlineCause?.message ?? "it is closed";
    throw new StorageError(`Log "${this.#name}" is offline: ${reason}`, "OFFLINE", {
      cause: this.#offlineCause ?? undefined,
    });
  }

  /** Returns the error, for the caller to throw. */
  goOffline(error: StorageError): StorageError {
    // One taken out of use has lost its folder's name, and nobody else asks for it.
    if (this.#offlineCause === null && !this.isClosed) {
      this.#offlineCause = error;
      const todo = remedyFor(error.code);
      const facts = { log: this.#name, problem: error.message };
      this.#context.report({ level: "error", event: "log-offline", facts: todo === null ? facts : { ...facts, todo } });
    }
    return error;
  }

  /** The error of a write that failed. A full disk passes (1). */
  failedWrite(action: string, logEndOffset: number, cause: unknown): StorageError {
    return this.failed(storageError(`Cannot ${action} log "${this.#directory}" at offset ${logEndOffset}`, cause));
  }

  /** Something without which the log cannot go on could not be done, or not be read. A full disk passes (1). */
  failed(error: StorageError): StorageError {
    if (!isDiskFull(error) || this.isOffline) return this.goOffline(error);
    this.#context.fullDisk.refused(this.#name, error);
    return error;
  }

  /** The error of an exchange of segments that failed half-way: only a start can end it. */
  failedReplacement(cause: unknown): StorageError {
    return this.goOffline(storageError(`Cannot put a compacted segment in its place in "${this.#directory}"`, cause));
  }

  /** Runs work that nobody waits for (2). */
  inBackground(work: Promise<void>): void {
    const supervised: Promise<void> = work.catch((cause) => {
      this.goOffline(storageError(`Cannot bring log "${this.#directory}" to the disk`, cause));
    }).finally(() => this.#background.delete(supervised));
    this.#background.add(supervised);
  }
}
